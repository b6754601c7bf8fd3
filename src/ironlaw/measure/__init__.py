"""Measuring: from a Plan to a Recording. Nothing here explains; nothing here is imported by analysis/ or report/."""
