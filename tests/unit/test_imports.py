"""Imports point one way, and each heavy library lives in a few files. Why: docs/adr/0002-import-direction.md."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS = ("config", "storage", "sync")

# What configuration may know of the product: how secrets are held, where tokens are, how a problem is told.
CONFIG_MAY_USE = {"sync.secret", "sync.credentials", "sync.token_claims", "sync.token_files", "sync.errors"}
# The only ones that know the settings; everybody else is handed plain values.
MAY_USE_CONFIG = ("sync.app", "sync.entrypoints")

# Library -> the modules that may import it, each with all that begins like it.
HOMES = {
    "httpx": ("sync.transport", "sync.wire_", "sync.sandbox"),
    "httpcore": ("sync.transport", "sync.wire_"),
    "h11": ("sync.transport", "sync.wire_"),
    # Every module that speaks to the storage: presigned (`upload`) and with own credentials (`upload_ambient`).
    "boto3": ("sync.upload",),
    "botocore": ("sync.upload",),
    "urllib3": ("sync.upload",),
    "apscheduler": ("sync.scheduler",),
    "tenacity": ("sync.durable",),
    "sqlalchemy": ("storage.",),
    "sqlmodel": ("storage.",),
    "sqlcipher3": ("storage.",),
    "sqlite3": ("storage.",),
    "alembic": ("storage.schema", "storage.migrations"),
    "pydantic_settings": ("config.settings",),
    "pydantic": ("config.", "sync.operations", "sync.payload", "sync.entrypoints.api"),
    "PIL": ("sync.image", "sync.demo"),
    "click": ("sync.entrypoints.cli",),
    "cryptography": ("sync.bundle.keys", "sync.bundle.sealed_file"),
    "rich": ("sync.entrypoints.cli", "sync.demo"),
    "fastapi": ("sync.entrypoints.api", "sync.entrypoints.page", "sync.entrypoints.server", "sync.sandbox"),
    "starlette": ("sync.entrypoints.api", "sync.entrypoints.page", "sync.sandbox"),
    "uvicorn": ("sync.entrypoints.server", "sync.entrypoints.lines", "sync.sandbox"),
    "itsdangerous": ("sync.local_access",),
    "jinja2": ("sync.entrypoints.page",),
    "prometheus_client": ("sync.entrypoints.api",),
}

# Top to bottom: a module imports only what stands below it in this list. What is not listed is bound by the
# other rules here, and by there being no circle.
DOWNWARDS = (
    "sync.__main__",
    "sync.entrypoints",
    "sync.app",
    "sync.scheduler",
    "sync.commands",
    "sync.drain",
    "sync.waiting",
    "sync.opening",
    "sync.intake",
    "sync.sign_in",
    "sync.ledger",
    "sync.setbacks",
    "sync.second_opinion",
    "sync.widths",
    "sync.workers",
    "sync.delivery",
    "sync.request",
    "sync.job",
    "sync.transport",
    "sync.upload",
    "sync.hosts",
    "sync.policy",
    "sync.outcome",
    "sync.exchange",
    "storage.outbox",
    "storage.guarded",
    "storage.database",
    "storage.lifecycle",
    "storage.errors",
)

# Facts in, decision out: no clock, no network, no disk, no threads, no randomness of their own. Besides these every
# module whose first lines say that it is pure.
PURE = (
    "storage.lifecycle",
    "storage.verdicts",
    "sync.exchange",
    "sync.outcome",
    "sync.outcome_kinds",
    "sync.outcome_upload",
    "sync.outcome_reissue",
    "sync.s3_location",
    "sync.ways_out",
    "sync.policy",
    "sync.gate",
    "sync.status",
    "sync.presigned_url",
    "sync.upload_headers",
    "sync.bundle.choice",
    "sync.bundle.contents",
)
WORLDLY = {
    "os",
    "socket",
    "ssl",
    "threading",
    "subprocess",
    "logging",
    "sqlite3",
    "secrets",
    "tempfile",
    "shutil",
}
WORLDLY_CALLS = {
    ("time", "time"),
    ("time", "monotonic"),
    ("time", "sleep"),
    ("datetime", "now"),
    ("datetime", "utcnow"),
}

# A person asking "did it go?" must not wait for any of these.
HEAVY = {
    "sqlalchemy", "sqlmodel", "alembic", "pydantic", "pydantic_settings", "boto3", "botocore", "urllib3", "httpx",
    "fastapi", "starlette", "uvicorn", "apscheduler", "tenacity", "rich", "PIL",
    "cryptography", "itsdangerous", "jinja2", "prometheus_client",
}  # fmt: skip
LIGHT = (
    "sync.__main__",
    "sync.entrypoints.cli.main",
    "sync.entrypoints.cli.output",
    "sync.entrypoints.cli.capturing",
    "sync.entrypoints.cli.importing",
    "sync.entrypoints.cli.draining",
    "sync.entrypoints.cli.steering",
    "sync.entrypoints.cli.setup",
    "sync.entrypoints.cli.trying",
    "sync.entrypoints.cli.torturing",
    "sync.entrypoints.cli.seeing",
    "sync.entrypoints.cli.opening",
    "sync.entrypoints.server",
    "sync.local_access",
    "sync.entrypoints.cli.telling",
    "sync.explain",
    "sync.credentials",
    "config.basics",
    "storage.queries",
    "storage.story",
    "storage.overview",
    "storage.locks",
    "storage.damage",
    "storage.witness",
    "sync.entrypoints.cli.care",
    "sync.entrypoints.cli.bundling",
    "sync.entrypoints.cli.naming",
    "config.names",
    "storage.listed",
)

# Modules that come with a declared package and are released together with it.
COMES_WITH = {"botocore": "boto3", "pydantic_core": "pydantic", "starlette": "fastapi"}
DISTRIBUTIONS = {
    "PIL": "pillow",
    "pydantic_settings": "pydantic-settings",
    "prometheus_client": "prometheus-client",
    "python_multipart": "python-multipart",
}

_SQL = re.compile(
    r"\s*(SELECT\s.+\sFROM|SELECT\s*\(|INSERT\s+INTO|UPDATE\s.+\sSET|DELETE\s+FROM|CREATE\s+TABLE|PRAGMA|BEGIN\s+IMM)",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Import:
    """One import: by whom, of what, where, and whether it happens when the importing module is loaded."""

    importer: str
    imported: str
    line: int
    at_load: bool
    for_types: bool

    def __str__(self) -> str:
        return f"{self.importer}:{self.line} imports {self.imported}"


@cache
def modules() -> dict[str, Path]:
    """Every module of the product by its dotted name."""
    found = {}
    for package in OURS:
        for path in sorted((ROOT / package).rglob("*.py")):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            found[name.removesuffix(".__init__")] = path
    return found


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(modules()[module].read_text(encoding="utf-8"))


def _imports(module: str, node: ast.AST, *, at_load: bool, for_types: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        inside_function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        condition = ast.unparse(child.test) if isinstance(child, ast.If) else ""
        if condition.startswith("__name__"):
            continue  # run as a program: nobody imports that
        typing_only = "TYPE_CHECKING" in condition
        names: list[str] = []
        if isinstance(child, ast.Import):
            names = [alias.name for alias in child.names]
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, f"{module}:{child.lineno}: relative import"
            assert child.module is not None
            # `from sync import outcome` imports the module sync.outcome, not only the package.
            whole = [f"{child.module}.{alias.name}" for alias in child.names]
            names = [name if name in modules() else child.module for name in whole]
        for name in dict.fromkeys(names):
            yield Import(module, name, child.lineno, at_load, for_types)
        yield from _imports(
            module, child, at_load=at_load and not inside_function, for_types=for_types or typing_only
        )


@cache
def imports(module: str) -> tuple[Import, ...]:
    return tuple(_imports(module, tree(module), at_load=True, for_types=False))


def all_imports() -> Iterator[Import]:
    for module in modules():
        yield from imports(module)


def within(module: str, homes: tuple[str, ...]) -> bool:
    """Whether a module is one of `homes`, lies in one of them, or has a name that begins like one."""
    return any(module == home or module.startswith(home) for home in homes)


def inside(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")


def told(found: list[Import]) -> str:
    return "\n".join(str(each) for each in found)


def test_storage_knows_neither_settings_nor_orchestration() -> None:
    wrong = [
        each
        for each in all_imports()
        if inside(each.importer, "storage") and each.imported.split(".")[0] in ("config", "sync")
    ]
    assert not wrong, told(wrong)


def test_configuration_knows_only_secrets_tokens_and_problems_of_the_product() -> None:
    wrong = [
        each
        for each in all_imports()
        if inside(each.importer, "config")
        and (
            inside(each.imported, "storage")
            or (inside(each.imported, "sync") and each.imported not in CONFIG_MAY_USE)
        )
    ]
    assert not wrong, told(wrong)


def test_what_configuration_uses_imports_nothing_back() -> None:
    """Otherwise the two packages would have to be loaded in a lucky order."""
    wrong = [
        each
        for module in CONFIG_MAY_USE
        for each in imports(module)
        if each.imported.split(".")[0] in OURS and each.imported not in CONFIG_MAY_USE
    ]
    assert not wrong, told(wrong)


def test_only_composition_root_and_entry_points_import_settings() -> None:
    wrong = [
        each
        for each in all_imports()
        if inside(each.imported, "config")
        and not inside(each.importer, "config")
        and not any(inside(each.importer, place) for place in MAY_USE_CONFIG)
    ]
    assert not wrong, told(wrong)


@pytest.mark.parametrize("library", sorted(HOMES))
def test_library_is_imported_only_where_it_lives(library: str) -> None:
    wrong = [
        each
        for each in all_imports()
        if inside(each.imported, library) and not within(each.importer, HOMES[library])
    ]
    assert not wrong, told(wrong)


def test_nothing_below_an_entry_point_imports_it() -> None:
    wrong = [
        each
        for each in all_imports()
        if inside(each.imported, "sync.entrypoints")
        and not inside(each.importer, "sync.entrypoints")
        and each.importer != "sync.__main__"
    ]
    assert not wrong, told(wrong)


def test_sandbox_is_imported_only_by_the_commands_that_show_it() -> None:
    """The product must not know its stand-in, and the stand-in must not share the product's mistakes."""
    wrong = [
        each
        for each in all_imports()
        if inside(each.imported, "sync.sandbox")
        and not inside(each.importer, "sync.sandbox")
        and not within(
            each.importer,
            ("sync.entrypoints.cli.trying", "sync.entrypoints.cli.demo", "sync.demo", "sync.torture"),
        )
    ]
    wrong += [
        each
        for each in all_imports()
        if inside(each.importer, "sync.sandbox")
        and each.imported.split(".")[0] in OURS
        and not inside(each.imported, "sync.sandbox")
    ]
    assert not wrong, told(wrong)


def test_torture_is_imported_by_its_own_command_alone() -> None:
    """What kills, stops and steals must not be within reach of anything that delivers."""
    wrong = [
        each
        for each in all_imports()
        if (inside(each.imported, "sync.torture") or inside(each.imported, "storage.rehearsal"))
        and not within(each.importer, ("sync.torture", "sync.entrypoints.cli.torturing"))
    ]
    assert not wrong, told(wrong)


def test_imports_point_downwards() -> None:
    wrong = []
    for each in all_imports():
        from_level = [i for i, name in enumerate(DOWNWARDS) if inside(each.importer, name)]
        to_level = [i for i, name in enumerate(DOWNWARDS) if inside(each.imported, name)]
        if not each.for_types and from_level and to_level and from_level[0] > to_level[0]:
            wrong.append(each)
    assert not wrong, told(wrong)


def test_order_names_only_modules_that_exist() -> None:
    assert set(DOWNWARDS) <= set(modules())
    assert set(PURE) | set(LIGHT) | CONFIG_MAY_USE <= set(modules())


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {
        module: {
            each.imported for each in imports(module) if not each.for_types and each.imported in modules()
        }
        for module in modules()
    }
    done: set[str] = set()

    def walk(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " -> ".join([*path[path.index(module) :], module])
        if module not in done:
            for following in sorted(graph[module] - {module}):
                walk(following, (*path, module))
            done.add(module)

    for module in graph:
        walk(module, ())


def says_that_it_is_pure(module: str) -> bool:
    return re.search(r"\bPure\b", ast.get_docstring(tree(module)) or "") is not None


@pytest.mark.parametrize("module", sorted({*PURE, *filter(says_that_it_is_pure, modules())}))
def test_module_that_decides_touches_nothing(module: str) -> None:
    wrong = [
        each for each in imports(module) if not each.for_types and each.imported.split(".")[0] in WORLDLY
    ]
    assert not wrong, told(wrong)
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            on = ast.unparse(node.func.value).split(".")[-1]
            assert (on, node.func.attr) not in WORLDLY_CALLS, f"{module}:{node.lineno}"


@pytest.mark.parametrize("module", LIGHT)
def test_light_module_loads_nothing_heavy(module: str) -> None:
    """By the imports at load, ours followed all the way; what a function imports is its own business."""
    seen: set[str] = set()
    todo = [(module, module)]
    while todo:
        current, way = todo.pop()
        if current in seen:
            continue
        seen.add(current)
        for each in imports(current):
            if each.for_types or not each.at_load:
                continue
            assert each.imported.split(".")[0] not in HEAVY, f"{way} -> {each.imported}"
            if each.imported in modules():
                todo.append((each.imported, f"{way} -> {each.imported}"))


def test_sql_is_written_in_storage_only() -> None:
    wrong = []
    for module in modules():
        if inside(module, "storage"):
            continue
        wrong += [
            f"{module}:{node.lineno}: {node.value[:60]!r}"
            for node in ast.walk(tree(module))
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and _SQL.match(node.value)
        ]
    assert not wrong, "\n".join(wrong)


def test_every_library_that_is_imported_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {re.split(r"[\[<>=!~; ]", each)[0].lower() for each in project["dependencies"]}
    wrong = []
    for each in all_imports():
        top = each.imported.split(".")[0]
        if top in OURS or top in sys.stdlib_module_names:
            continue
        package = COMES_WITH.get(top, top)
        if DISTRIBUTIONS.get(package, package).lower() not in declared:
            wrong.append(each)
    assert not wrong, told(wrong)


def test_product_never_imports_its_tests() -> None:
    wrong = [each for each in all_imports() if inside(each.imported, "tests")]
    assert not wrong, told(wrong)


@pytest.mark.parametrize("package", OURS)
def test_package_itself_stays_empty(package: str) -> None:
    assert not (ROOT / package / "__init__.py").read_text(encoding="utf-8").strip()
