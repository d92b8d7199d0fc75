"""The look of every cell, by the name of what stands in it: one look for all products.

Only fonts, colours and number formats; writing cells is workbook.py.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

FONT = "Arial"  # on every office computer, and it has the Arabic and the Kurdish letters

NAVY, BLUE, PALE, LINE, GREY = "#12355B", "#1F5F8B", "#E8F0F7", "#C9D3DC", "#6B7780"
AMBER, RED, GREEN = "#FCE8B8", "#F8D3CE", "#DCEFDC"

CHART_FONT = {"name": FONT, "size": 9, "bold": False, "color": "#33414C"}

CHANGE = "+#,##0;-#,##0;0"
PERCENT = '+0.0"%";-0.0"%";0.0"%"'

_CELL = {"font_name": FONT, "font_size": 9, "valign": "vcenter", "bottom": 1, "bottom_color": LINE}
_HEAD = {"font_name": FONT, "font_size": 9, "bold": True, "font_color": "white", "valign": "vcenter", "text_wrap": True}
_TEXT = {**_CELL, "align": "left", "indent": 1}
_COUNT = {**_CELL, "num_format": "#,##0", "align": "right"}
_NAMES = {**_CELL, "font_size": 8, "text_wrap": True, "align": "center", "left": 1, "left_color": LINE}
_TOTAL = {"bold": True, "top": 2, "top_color": NAVY, "bg_color": PALE}

STYLES: Mapping[str, Mapping[str, Any]] = MappingProxyType({
    "title": {"font_name": FONT, "font_size": 18, "bold": True, "font_color": NAVY, "valign": "vcenter"},
    "subtitle": {"font_name": FONT, "font_size": 10, "font_color": GREY, "valign": "vcenter"},
    "section": {"font_name": FONT, "font_size": 12, "bold": True, "font_color": NAVY, "bottom": 2,
                "bottom_color": BLUE},
    "label": {"font_name": FONT, "font_size": 8, "font_color": GREY, "bg_color": PALE, "align": "center", "top": 2,
              "top_color": BLUE, "valign": "vcenter"},
    "figure": {"font_name": FONT, "font_size": 15, "bold": True, "font_color": NAVY, "bg_color": PALE,
               "align": "center", "valign": "vcenter", "num_format": "#,##0"},
    "figure_change": {"font_name": FONT, "font_size": 15, "bold": True, "font_color": NAVY, "bg_color": PALE,
                      "align": "center", "valign": "vcenter", "num_format": CHANGE},
    "head": {**_HEAD, "bg_color": NAVY, "align": "left", "indent": 1},
    "head_count": {**_HEAD, "bg_color": NAVY, "align": "right"},
    "head_arabic": {**_HEAD, "bg_color": NAVY, "align": "right", "indent": 1, "reading_order": 2},
    "head_centre": {**_HEAD, "bg_color": NAVY, "align": "center"},
    "head_month": {**_HEAD, "bg_color": NAVY, "align": "right", "num_format": "mmm yyyy"},
    "head_group": {**_HEAD, "bg_color": BLUE, "align": "center", "left": 1, "left_color": "white"},
    "text": {**_TEXT, "shrink": True},
    "bold": {**_TEXT, "bold": True},
    "wrap": {**_TEXT, "text_wrap": True},
    "wrap_bold": {**_TEXT, "text_wrap": True, "bold": True, "valign": "top"},
    "arabic": {**_CELL, "align": "right", "indent": 1, "reading_order": 2, "shrink": True},
    "arabic_wrap": {**_CELL, "align": "right", "indent": 1, "reading_order": 2, "text_wrap": True},
    "count": _COUNT,
    "count_bold": {**_COUNT, "bold": True},
    "estimate": {**_COUNT, "italic": True, "font_color": GREY},
    "change": {**_COUNT, "num_format": CHANGE},
    "percent": {**_COUNT, "num_format": PERCENT},
    "day": {**_TEXT, "num_format": "d mmm yyyy"},
    "month": {**_TEXT, "num_format": "mmm yyyy"},
    "centre": {**_CELL, "align": "center"},
    "good": {**_CELL, "bg_color": GREEN, "align": "center"},
    "warn": {**_CELL, "bg_color": AMBER, "align": "center"},
    "bad": {**_CELL, "bg_color": RED, "align": "center"},
    "warn_count": {**_COUNT, "bg_color": AMBER},
    "bad_count": {**_COUNT, "bg_color": RED},
    "warn_change": {**_COUNT, "num_format": CHANGE, "bg_color": AMBER},
    "warn_percent": {**_COUNT, "num_format": PERCENT, "bg_color": AMBER},
    "total": {**_TEXT, **_TOTAL},
    "total_count": {**_COUNT, **_TOTAL},
    "total_centre": {**_CELL, **_TOTAL, "num_format": "#,##0", "align": "center"},
    "total_change": {**_COUNT, **_TOTAL, "num_format": CHANGE},
    "total_percent": {**_COUNT, **_TOTAL, "num_format": PERCENT},
    "names": _NAMES,
    "gap": {**_NAMES, "bg_color": RED, "font_color": GREY, "italic": True},
    "unknown": {**_NAMES, "bg_color": "#ECECEC", "font_color": GREY, "italic": True},
})  # fmt: skip
"""The look of every cell, by the name of what stands in it."""
