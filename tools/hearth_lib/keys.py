# SPDX-License-Identifier: Apache-2.0
"""The keys of a description, as include/hearth/config/keys.def lists them for the hypervisor and for this tool.

The file says what its entries mean. Limits that it names are read from the C headers which define them.
"""

import ast
import dataclasses
import pathlib
import re

INCLUDE = pathlib.Path(__file__).resolve().parents[2] / "include/hearth"
TABLE = INCLUDE / "config/keys.def"
HEADERS = ("lib/types.h", "core/sched.h", "core/vm_config.h", "config/config.h")
REQUIRED = "KEY_REQUIRED"
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)

# The arguments of each form of entry, after key and property.
FORMS = {
    "NUMBER": ("field", "min", "max", "initial", "unit", "text"),
    "SIZE": ("field", "min", "max", "step", "initial", "text"),
    "BOOL": ("field", "initial", "text"),
    "WORD": ("field", "words", "initial", "text"),
    "SHARE": ("scope", "min", "max", "initial", "unit", "text"),
    "OTHER": ("required", "values", "text"),
}


class TableError(Exception):
    """An entry of keys.def cannot be read."""


@dataclasses.dataclass(frozen=True)
class Key:
    name: str
    property: str
    form: str
    text: str
    required: bool = False
    initial: object = None  # a number, a bool or a word; None with OTHER
    min: int = 0
    max: int = 0
    step: int = 1
    unit: str = ""  # with SHARE: NUMBER, PERCENT or HARTS
    words: tuple = ()
    scope: str = ""  # with SHARE: EACH or TOGETHER
    values: str = ""  # with OTHER


# ---------------------------------------------------------------- numbers of the C headers

def definitions(texts):
    """{name: expression} of the macros without arguments."""
    found = {}
    for text in texts:
        found |= dict(re.findall(r"^#define (\w+)[ \t]+(\S.*?)\s*$", COMMENT.sub("", text), re.MULTILINE))
    return found


def evaluate(expression, names):
    """The value of a C expression of integers, names, `*`, `+`, `-` and `<<`."""
    text = re.sub(r"\((?:u?int\d+_t)\)", "", expression)
    text = re.sub(r"\b(0[xX][0-9a-fA-F]+|\d+)[uUlL]+\b", r"\1", text)
    operators = {ast.LShift: lambda a, b: a << b, ast.Mult: lambda a, b: a * b,
                 ast.Add: lambda a, b: a + b, ast.Sub: lambda a, b: a - b}

    def value(node):
        if isinstance(node, ast.Constant) and isinstance(node.value, int):
            return node.value
        if isinstance(node, ast.BinOp) and type(node.op) in operators:
            return operators[type(node.op)](value(node.left), value(node.right))
        if isinstance(node, ast.Name) and node.id in names:
            return evaluate(names[node.id], names)
        raise TableError(f"{expression}: not a number, nor a name that {', '.join(HEADERS)} define as one")

    try:
        return value(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, RecursionError):
        raise TableError(f"{expression}: not an expression of integers") from None


NAMES = {"UINT64_MAX": str((1 << 64) - 1), "true": "1", "false": "0",
         **definitions((INCLUDE / header).read_text() for header in HEADERS)}


def number(expression):
    return evaluate(expression, NAMES)


# ---------------------------------------------------------------- the table

STRING = r'"(?:[^"\\]|\\.)*"'
ENTRY = re.compile(rf"^(VM|MANAGEMENT)_(\w+)\(((?:{STRING}|[^()\"]|\([^()\"]*\))*)\)", re.MULTILINE)


def arguments(text):
    """The arguments of an entry: numbers and names as they are, strings without their quotes, joined."""
    found = []
    for argument in re.findall(rf"((?:{STRING}|[^,\"])+)(?:,|$)", text):
        strings = re.findall(STRING, argument)
        found.append("".join(ast.literal_eval(s) for s in strings) if strings else argument.strip())
    return found


def entry(form, text):
    name, *values = arguments(text)
    if form not in FORMS or len(values) != 1 + len(FORMS[form]):
        raise TableError(f"{name}: {form} has the arguments key, property, {', '.join(FORMS.get(form, ()))}")
    fields = dict(zip(("property", *FORMS[form]), values))
    fields.pop("field", None)
    try:
        fields |= {key: number(fields[key]) for key in ("min", "max", "step") if key in fields}
        fields["required"] = fields.get("initial") == REQUIRED or fields.get("required") == "true"
        if fields["required"]:
            fields.pop("initial", None)
        elif form == "WORD":
            fields["words"] = tuple(fields["words"].split(", "))
        elif "initial" in fields:
            fields["initial"] = number(fields["initial"])
    except TableError as e:
        raise TableError(f"{name}: {e}") from None
    key = Key(name=name, form=form, **fields)
    if form == "WORD" and key.initial not in key.words:
        raise TableError(f"{name}: {key.initial} is none of its words")
    if form in ("NUMBER", "SIZE", "SHARE") and not key.required and not key.min <= key.initial <= key.max:
        raise TableError(f"{name}: {key.initial} is not in its range")
    return key


def read(text):
    """{table: {key: Key}} of the text of keys.def, in its order."""
    found = {"vm": {}, "management": {}}
    text = re.sub(r"^\s*#.*$", "", COMMENT.sub("", text), flags=re.MULTILINE)
    for table, form, content in ENTRY.findall(text):
        key = entry(form, content)
        if key.name in found[table.lower()]:
            raise TableError(f"{key.name}: has two entries")
        found[table.lower()][key.name] = key
    rest = ENTRY.sub("", text).strip()
    if rest:
        raise TableError(f"not an entry: {rest.splitlines()[0]}")
    return found


TABLES = read(TABLE.read_text())
VM, MANAGEMENT = TABLES["vm"], TABLES["management"]
SHARES = {name: key for name, key in VM.items() if key.form == "SHARE"}


# ---------------------------------------------------------------- the reference

def size_text(size):
    for shift, unit in ((40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")):
        if size >> shift and size % (1 << shift) == 0:
            return f"{size >> shift} {unit}"
    return f"{size} bytes"


def values_text(key):
    if key.form == "BOOL":
        return "true, false"
    if key.form == "WORD":
        return ", ".join(f'"{word}"' for word in key.words)
    if key.form == "SIZE":
        return f"{size_text(key.min)} to {size_text(key.max)}"
    if key.unit == "HARTS":
        return 'harts: [0, 2] or "0-1,3"'
    if key.form == "OTHER":
        return key.values
    text = f"{key.min} to {key.max}" + (f" {key.unit}" if key.form == "NUMBER" and key.unit else "")
    return text + (" for each vcpu" if key.scope == "TOGETHER" else "")


def initial_text(key):
    if key.required:
        return "required"
    if key.form == "OTHER":
        return ""
    if key.form == "BOOL":
        return str(bool(key.initial)).lower()
    return "all" if key.unit == "HARTS" else str(key.initial)


def rows(table):
    """(key, values, default, meaning) of each key of a table, as the reference shows them."""
    for key in table.values():
        name = key.name + (f", vcpu_{key.name}" if key.form == "SHARE" else "")
        yield name, values_text(key), initial_text(key), key.text


def reference():
    """The text of `tools/hearth keys`."""
    lines = []
    for title, table in (("[[vm]]", VM), ("[management]", MANAGEMENT)):
        lines += ["", title] if lines else [title]
        for name, values, initial, text in rows(table):
            default = {"": "", "required": "; required"}.get(initial, f"; default {initial}")
            lines += [f"  {name}: {values}{default}", f"      {text}"]
    return "\n".join(lines)


def markdown(table):
    """The same, as a table of a document."""
    lines = ["| key | values | default | |", "|---|---|---|---|"]
    for name, values, initial, text in rows(table):
        names = ", ".join(f"`{n}`" for n in name.split(", "))
        lines.append(f"| {names} | {values} | {initial} | {text} |")
    return "\n".join(lines) + "\n"
