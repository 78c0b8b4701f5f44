"""A small stand-in for UnrealHeaderTool: the rules we know, and generated headers for the stub engine.

It reads the plugin's headers line by line, as they are written here (one declaration a line); it is no
C++ parser.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

PLAIN = {
    "bool", "int32", "int64", "uint8", "float", "double", "FString", "FName", "FText", "FVector",
    "FVector2D", "FRotator", "FQuat", "FTransform", "FLinearColor", "FColor", "FKey",
}  # fmt: skip
"""Types that properties and Blueprint functions may have."""
NOT_IN_BLUEPRINTS = {"uint32", "uint16", "uint64", "int8", "int16"}
"""Reflectable, but not in Blueprints."""
CONTAINERS = ("TArray", "TSet", "TObjectPtr", "TSubclassOf", "TSoftObjectPtr", "TWeakObjectPtr")


@dataclass
class Reflected:
    """One UCLASS, USTRUCT or UENUM."""

    kind: str
    name: str
    parent: str
    body_line: int = 0
    properties: dict[str, str] = field(default_factory=dict)
    functions: set[str] = field(default_factory=set)


@dataclass
class Header:
    """What is reflected in one header, and what is wrong with it."""

    path: Path
    types: list[Reflected] = field(default_factory=list)
    delegates: dict[str, list[str]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def headers(source: Path) -> list[Header]:
    """Every header of the plugin with something reflected in it, with its problems."""
    found = [read(path) for path in sorted(source.rglob("*.h")) if "ThirdParty" not in path.parts]
    found = [header for header in found if header.types or header.problems]
    check_types(found)
    return found


def read(path: Path) -> Header:
    """Read one header."""
    header = Header(path)
    lines = path.read_text().splitlines()
    generated = f'#include "{path.stem}.generated.h"'
    includes = [line for line in lines if line.startswith("#include")]
    reflects = any(re.match(r"\s*(UCLASS|USTRUCT|UENUM)\(", line) for line in lines)
    if reflects and (not includes or includes[-1] != generated):
        header.problems.append(f"the last include must be {generated}")
    if not reflects and any(".generated.h" in line for line in includes):
        header.problems.append("includes a generated header but reflects nothing")
    current: Reflected | None = None
    access = "public"
    for number, line in enumerate(lines):
        stripped = line.strip()
        macro = re.match(r"(UCLASS|USTRUCT|UENUM)\((.*)\)$", stripped)
        if macro:
            current = declared(macro[1], lines[number + 1].strip(), header)
            access = "private" if macro[1] == "UCLASS" else "public"
            continue
        delegate = re.match(r"DECLARE_DYNAMIC_MULTICAST_DELEGATE\w*\((\w+)(.*)\);", stripped)
        if delegate:
            parts = [part.strip() for part in delegate[2].split(",")[1:]]
            header.delegates[delegate[1]] = parts[0::2]
        if current is None:
            continue
        if stripped in ("public:", "protected:", "private:"):
            access = stripped[:-1]
        elif stripped == "GENERATED_BODY()":
            current.body_line = number + 1
        elif stripped.startswith("UPROPERTY("):
            add_property(current, stripped, lines[number + 1].strip(), access, header)
        elif stripped.startswith("UFUNCTION("):
            add_function(current, stripped, lines[number + 1].strip(), header)
        elif line == "};":
            if current.kind != "UENUM" and not current.body_line:
                header.problems.append(f"{current.name} lacks GENERATED_BODY()")
            current = None
    classes = [each.name for each in header.types if each.kind == "UCLASS"]
    if len(classes) > 1:
        header.problems.append(f"more than one UCLASS: {', '.join(classes)}")
    if classes and classes[0][1:] != path.stem:
        header.problems.append(f"{classes[0]} belongs into {classes[0][1:]}.h")
    return header


def declared(kind: str, line: str, header: Header) -> Reflected:
    """The type that follows a macro."""
    match = re.match(
        r"(?:class|struct|enum class)\s+(?:\w+_API\s+)?(\w+)(?:\s*:\s*(?:public\s+)?(\w+))?", line
    )
    assert match, f"{header.path}: cannot read {line!r}"
    found = Reflected(kind, match[1], match[2] or "")
    header.types.append(found)
    prefixes = {"UCLASS": "UA", "USTRUCT": "F", "UENUM": "E"}[kind]
    if found.name[0] not in prefixes:
        header.problems.append(f"{found.name} must begin with one of {prefixes}")
    if kind == "UENUM" and found.parent != "uint8":
        header.problems.append(f"{found.name} is for Blueprints and must be a uint8")
    if kind != "UENUM" and "/Public/" in header.path.as_posix() and "_API" not in line:
        header.problems.append(f"{found.name} is public and not exported")
    return found


def add_property(owner: Reflected, macro: str, line: str, access: str, header: Header) -> None:
    """One UPROPERTY."""
    match = re.match(r"([\w<>:\s,]+?)\s+(\w+)(?:\s*=.*)?;$", line)
    if not match:
        header.problems.append(f"{owner.name}: cannot read the property {line!r}")
        return
    owner.properties[match[2]] = match[1]
    blueprint = re.search(r"BlueprintRead(Only|Write)", macro)
    if blueprint and access == "private" and owner.kind == "UCLASS":
        header.problems.append(f"{owner.name}::{match[2]} is private and cannot be used in Blueprints")
    if re.search(r"Edit|Visible|BlueprintRead", macro) and "Category" not in macro:
        header.problems.append(f"{owner.name}::{match[2]} needs a Category")
    if blueprint and match[1] in NOT_IN_BLUEPRINTS:
        header.problems.append(f"{owner.name}::{match[2]}: {match[1]} is not for Blueprints")


def add_function(owner: Reflected, macro: str, line: str, header: Header) -> None:
    """One UFUNCTION."""
    match = re.match(
        r"(?:static\s+|virtual\s+)*(const\s+)?([\w<>*&\s]+?)\s*\b(\w+)\((.*?)\)\s*(?:const)?\s*(?:override)?;$",
        line,
    )
    if not match:
        header.problems.append(f"{owner.name}: cannot read the function {line!r}")
        return
    owner.functions.add(match[3])
    types = [] if match[2].strip() == "void" else [match[2]]
    for part in filter(None, match[4].split(",")):
        kind, _, name = part.split("=")[0].strip().rpartition(" ")
        types.append(kind)
        if name in owner.properties:
            header.problems.append(f"{owner.name}::{match[3]}: the parameter {name} hides a property")
    owner.properties |= {f"({match[3]} {index})": kind for index, kind in enumerate(types)}
    if re.search(r"Blueprint(Callable|Pure)", macro) and "Category" not in macro:
        header.problems.append(f"{owner.name}::{match[3]} needs a Category")


def check_types(found: list[Header]) -> None:
    """Every property and parameter has a type that can be reflected; delegates are declared once."""
    known = set(PLAIN) | NOT_IN_BLUEPRINTS | {each.name for header in found for each in header.types}
    delegates: set[str] = set()
    for header in found:
        for name in header.delegates:
            if name in delegates or not name.startswith("F"):
                header.problems.append(f"the delegate {name} is declared twice or has no F")
            delegates.add(name)
    for header in found:
        used = [
            (f"{each.name}::{name}", kind) for each in header.types for name, kind in each.properties.items()
        ]
        used += [(name, kind) for name, kinds in header.delegates.items() for kind in kinds]
        for where, kind in used:
            if not reflectable(kind, known | delegates):
                header.problems.append(f"{where}: {kind} cannot be reflected")


def reflectable(kind: str, known: set[str]) -> bool:
    """Whether UnrealHeaderTool knows the type."""
    kind = re.sub(r"\b(const|class|struct)\b", "", kind).strip().rstrip("&").strip()
    inner = re.match(r"(\w+)<(.+)>$", kind)
    if inner:
        return inner[1] in CONTAINERS and (reflectable(inner[2], known) or inner[2].strip("* ")[0] in "UA")
    if kind.endswith("*"):
        return kind.strip("* ")[0] in "UA"
    return kind in known or (kind[:1] in "UA" and kind[1:2].isupper())


def generated(header: Header) -> str:
    """What stands for ``GENERATED_BODY()`` in each type of a header; after it, a class is private."""
    file = f"Stub_{header.path.stem}_h_"
    text = [f"#undef CURRENT_FILE_ID\n#define CURRENT_FILE_ID {file}"]
    for each in header.types:
        if each.kind == "UCLASS":
            body = (
                f"public: using Super = {each.parent}; using ThisClass = {each.name}; "
                "static UClass* StaticClass() { static UClass Class; return &Class; } private:"
            )
            text.append(f"#define {file}{each.body_line} {body}")
        elif each.kind == "USTRUCT":
            text.append(f"#define {file}{each.body_line}")
    return "#pragma once\n" + "\n".join(text) + "\n"


def bound_without_ufunction(source: Path, found: list[Header]) -> list[str]:
    """``AddDynamic(this, &Class::Method)`` whose method is no UFUNCTION: compiles, and fails at run time."""
    functions = {
        f"{each.name}::{name}" for header in found for each in header.types for name in each.functions
    }
    missing = []
    for path in sorted(source.rglob("*.cpp")):
        for method in re.findall(r"AddDynamic\(\w+, &(\w+::\w+)\)", path.read_text()):
            if method not in functions:
                missing.append(f"{path.name}: {method}")
    return missing
