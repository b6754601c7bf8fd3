"""The arms as a pandas data frame."""

from __future__ import annotations

import importlib
from typing import Any

from ironlaw.errors import BadInput
from ironlaw.explanation import Explanation
from ironlaw.report.delimited import arm_records


def to_frame(explanation: Explanation) -> Any:
    """A pandas.DataFrame with one row per arm, columns as in the JSON document; a gap is pandas.NA.

    Raises:
        BadInput: pandas is not installed.
    """
    try:
        pandas = importlib.import_module("pandas")
    except ImportError:
        raise BadInput("pandas is not installed", hint="pip install pandas") from None
    records = [
        {name: pandas.NA if value is None else value for name, value in record.items()}
        for record in arm_records(explanation)
    ]
    return pandas.DataFrame(records).convert_dtypes().set_index("arm")
