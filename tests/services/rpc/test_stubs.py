"""The generated stubs are those of the contract as it stands."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.repository import ROOT

PROTO = "services/rpc/generated/inventory.proto"


def generated_into(folder, source):
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-Iservices/rpc/generated={source}"]
    command += [f"--python_out={folder}", f"--pyi_out={folder}", f"--grpc_python_out={folder}", PROTO]
    subprocess.run(command, cwd=ROOT, check=True)
    return {path.name: path.read_text() for path in (folder / "services/rpc/generated").iterdir()}


def committed():
    folder = ROOT / "services/rpc/generated"
    return {path.name: path.read_text() for path in folder.glob("inventory_pb2*")}


def test_the_stubs_are_current(tmp_path):
    pytest.importorskip("grpc_tools")
    assert generated_into(tmp_path, "services/rpc") == committed(), "run `make stubs`"


def test_a_changed_contract_would_be_seen(tmp_path):
    pytest.importorskip("grpc_tools")
    proto = (ROOT / "services/rpc/inventory.proto").read_text()
    (tmp_path / "inventory.proto").write_text(proto.replace("int32 quantity = 3;", "int32 quantity = 4;"))
    assert generated_into(tmp_path, str(tmp_path)) != committed()


def test_make_stubs_runs_the_same_command():
    rule = (ROOT / "Makefile").read_text().partition("stubs: setup")[2].partition("\n\n")[0]
    assert "-Iservices/rpc/generated=services/rpc --python_out=. --pyi_out=. --grpc_python_out=." in rule
    assert PROTO in rule
