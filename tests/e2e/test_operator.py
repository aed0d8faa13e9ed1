"""What an operator does wrong, and what is said about it: the message tells what to do, and nothing is made by mistake."""

import json
import re

import pytest

from lib.proc import SLUICE, Process, clean_environment, run_sluice

PLAIN = {"providers": {"s": {"kind": "sim"}}, "models": {"m": "s/sim-chat"}}


def refused(directory, config):
    """A start that fails: what is said on standard error."""
    directory.mkdir(exist_ok=True)
    path = directory / "sluice.yaml"
    path.write_text(json.dumps({"state": str(directory / "state"), **config}))
    done = run_sluice("serve", "-c", path, timeout=60)
    assert done.returncode == 1, done
    return done.stderr


def at(gateway, which):
    host, port = which
    return f"{host}:{port}"


def test_a_port_that_another_gateway_has(make, tmp_path):
    """The kernel would share it between two programs of one user, each with keys and a ledger of its own."""
    first = make.gateway(PLAIN)
    admin = first.find("admin.ready")[0]["address"]
    said = refused(tmp_path / "a", {**PLAIN, "listen": {"address": at(first, first.address)}, "admin": {"address": "off"}})
    assert f"{first.address[1]}: cannot bind it" in said and "Another program listens there" in said, said
    said = refused(tmp_path / "b", {**PLAIN, "listen": {"address": f"0.0.0.0:{first.address[1]}"}, "admin": {"address": "off"}})
    assert "Another program listens there" in said, said
    said = refused(tmp_path / "c", {**PLAIN, "listen": {"address": "127.0.0.1:0"}, "admin": {"address": admin}})
    assert f"{admin}: cannot bind it" in said, said
    done = run_sluice("sim", "--listen", admin)
    assert done.returncode == 1 and "Another program listens there" in done.stderr, done
    assert not [line for line in said.splitlines() if "serve.ready" in line]


def test_a_state_directory_that_another_gateway_has(make, tmp_path):
    first = make.gateway(PLAIN)
    said = refused(tmp_path, {**PLAIN, "state": str(first.state), "listen": {"address": "127.0.0.1:0"}, "admin": {"address": "off"}})
    assert f"(pid {first.pid})" in said and "stop it, or give this one its own" in said, said


def test_a_mistyped_state_directory_is_not_made(tmp_path):
    typo = tmp_path / "sluise"
    key = "0" * 26
    for command in (("keys", "list"), ("keys", "revoke", key), ("keys", "rotate", key), ("keys", "expire", key), ("usage",)):
        done = run_sluice(*command, "--state", typo)
        assert done.returncode != 0 and not typo.exists(), (command, done)
        assert command[1:] and "is not a key id" in done.stderr or "there is no state directory" in done.stderr, done
    done = run_sluice("usage", "--state", tmp_path)
    assert done.returncode == 1 and "this is no state directory of sluice" in done.stderr, done


def test_usage_of_no_days_and_of_no_configuration(tmp_path):
    done = run_sluice("usage", "--from", "2026-11-02", "--to", "2026-11-02", "--state", tmp_path)
    assert done.returncode == 2 and "--to is the first day that is left out" in done.stderr, done
    done = run_sluice("usage", "-c", tmp_path / "no.yaml")
    assert done.returncode == 1 and "No such file or directory" in done.stderr and "--state" in done.stderr, done


def test_a_lost_pepper_is_told(make, tmp_path):
    """A fresh one would fit none of the keys: every client would get 401, and nobody would know why."""
    state = tmp_path / "state"
    run_sluice("keys", "create", "--name", "x", "--state", state, check=True)
    (state / "pepper").rename(tmp_path / "pepper")
    said = refused(tmp_path, {**PLAIN, "state": str(state), "listen": {"address": "127.0.0.1:0"}, "admin": {"address": "off"}})
    assert "pepper" in said and "bring it back from a copy" in said and not (state / "pepper").exists(), said
    (tmp_path / "pepper").rename(state / "pepper")
    assert "active" in run_sluice("keys", "list", "--state", state, check=True).stdout


def test_a_proxy_in_the_environment_is_not_taken_in_silence(make):
    g = make.gateway(PLAIN, env={"https_proxy": "http://user:proxy-canary@127.0.0.1:9"})
    told = g.wait_event("proxy.ignored")
    assert told["variable"] == "https_proxy" and "upstream.proxy" in told["todo"]
    assert "proxy-canary" not in "\n".join(g.lines)


def test_the_operations_of_a_grant_are_listed(tmp_path):
    text = run_sluice("keys", "create", "--help", check=True).stdout
    names = re.search(r"^Operations: ([a-z_. \n]+)", text, re.MULTILINE)[1].split()
    assert "chat" in names and "embeddings" in names and len(names) == len(set(names)), names
    run_sluice("keys", "create", "--name", "x", "--operations", ",".join(names), "--state", tmp_path, check=True)


def test_an_empty_grant_is_not_everything(tmp_path):
    """--models "$MODELS" where the variable is not set."""
    for option in ("--models", "--operations"):
        for value in ("", " "):
            done = run_sluice("keys", "create", "--name", "x", option, value, "--state", tmp_path / "state")
            assert done.returncode == 2 and f"{option} is empty" in done.stderr and not done.stdout, done
    assert not (tmp_path / "state").exists()


def test_a_revoked_key_cannot_be_told_to_expire_later(tmp_path):
    made = json.loads(run_sluice("keys", "create", "--name", "x", "--json", "--state", tmp_path / "state", check=True).stdout)
    run_sluice("keys", "revoke", made["id"], "--state", tmp_path / "state", check=True)
    done = run_sluice("keys", "expire", made["id"], "--in", "1h", "--state", tmp_path / "state")
    assert done.returncode == 1 and "is revoked, which is for good" in done.stderr, done
    unknown = "01" + "0" * 24
    for verb in ("revoke", "expire", "rotate"):
        done = run_sluice("keys", verb, unknown, "--state", tmp_path / "state")
        assert done.returncode == 1 and "there is no key with this id" in done.stderr, done


@pytest.mark.parametrize("typed,meant", [("serv", "serve"), ("chekc", "check"), ("simulate", "sim"), ("ref", "reference")])
def test_a_mistyped_command(typed, meant):
    done = run_sluice(typed)
    assert done.returncode == 2 and f"Did you mean '{meant}'?" in done.stderr, done


def test_every_help_ends_its_last_line():
    listed = re.findall(r"^  ([a-z]+)  ", run_sluice("help", check=True).stdout, re.MULTILINE)
    assert "drill" in listed and len(listed) >= 12, listed
    for command in listed:
        text = run_sluice(command, "--help", check=True).stdout
        assert text.endswith("\n") and not text.endswith("\n\n"), (command, text)
        if command not in ("help", "version"):
            assert run_sluice("help", command, check=True).stdout == text


def test_check_reads_the_price_catalogue(tmp_path):
    path = tmp_path / "sluice.yaml"
    (tmp_path / "prices.json").write_text("{")
    path.write_text(json.dumps({**PLAIN, "ledger": {"prices": "prices.json"}}))
    done = run_sluice("check", "-c", path)
    assert done.returncode == 1 and "ledger.prices" in done.stderr and "prices.json:1:" in done.stderr, done
    path.write_text(json.dumps({**PLAIN, "ledger": {"prices": "no-prices.json"}}))
    done = run_sluice("check", "-c", path)
    assert done.returncode == 1 and "no-prices.json: cannot open" in done.stderr, done
