"""Read a Form from an XForm, the XML that phones download and that ODK Central keeps of every version.

Questions, types, paths, repeats, choices and labels mean the same as in the XLSForm it was made of. What an XForm does
not say stays empty: sensitivity, hxl, indicator; and so does the form's logic, which it writes in paths of its own and
which the repository's version says better.
"""

from pipelines.forms.form import Form
from pipelines.forms.xform_parts import XForm, tree_of


def form_of_xform(xform: str, tool: str, version: str) -> Form:
    """The form that `xform` is; SchemaError where it is none."""
    read = XForm(tree_of(xform, f"{tool}, version {version} on the server"))
    questions = tuple(read.questions())
    return Form(
        tool=tool,
        version=version,
        title=read.title,
        form_id=read.root.get("id", ""),
        languages=read.languages,
        questions=questions,
        groups=tuple(read.group(path) for path, node in read.places() if len(node) and path not in read.repeats),
        repeats=tuple(read.repeat(path) for path, node in read.places() if path in read.repeats),
        choices={**read.listed_choices(), **read.inline_choices()},
    )


def version_of_xform(xform: str) -> str:
    """The version that `xform` calls itself; SchemaError where it is no form."""
    return XForm(tree_of(xform, "a form on the server")).root.get("version", "")
