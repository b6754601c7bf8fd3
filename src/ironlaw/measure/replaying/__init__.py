"""Replaying the layers of an arm, alone in int8 and alone in float."""
