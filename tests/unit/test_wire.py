"""The contract between the two sides, byte by byte."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest

from abaco_jupyter.wire import call, errors, ids, limits, paths, spec
from abaco_jupyter.wire.codes import ActorStatus, BuildStatus, ExecutionStatus, Level
from abaco_jupyter.wire.envelope import (
    camel,
    camel_keys,
    failure,
    fresh_time,
    list_time,
    stored_time,
    success,
)

AT = datetime(2026, 11, 21, 17, 18, 35, 464052, tzinfo=UTC)


class TestEnvelope:
    def test_success_is_sorted_indented_and_ends_with_a_newline(self) -> None:
        assert success({"b": 1, "a": []}, "Done.") == (
            b'{\n  "message": "Done.",\n  "result": {\n    "a": [],\n    "b": 1\n  },\n'
            b'  "status": "success",\n  "version": "1.9.1"\n}\n'
        )

    def test_failure_has_the_same_four_keys(self) -> None:
        assert json.loads(failure("No.")) == {
            "message": "No.",
            "result": None,
            "status": "error",
            "version": "1.9.1",
        }

    def test_keys_inside_a_result_are_sorted_too(self) -> None:
        body = success({"z": {"y": 1, "x": 2}}, "")
        assert body.index(b'"x"') < body.index(b'"y"')

    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("default_environment", "defaultEnvironment"),
            ("_links", "_links"),
            ("id", "id"),
            ("cron_next_ex", "cronNextEx"),
            ("max_2_cpus", "max2Cpus"),
            ("actorId", "actorId"),
        ],
    )
    def test_camel(self, name: str, expected: str) -> None:
        assert camel(name) == expected

    def test_only_the_first_level_of_keys_is_turned(self) -> None:
        record = {"final_state": {"exit_code": 1}, "log_ex": None}
        assert camel_keys(record) == {"finalState": {"exit_code": 1}}
        assert camel_keys(record, drop_nulls=False)["logEx"] is None


class TestTimes:
    @pytest.mark.parametrize(
        ("microsecond", "expected"),
        [
            (464052, "2026-11-21T17:18:35.464Z"),
            (130000, "2026-11-21T17:18:35.130Z"),
            (100000, "2026-11-21T17:18:35.100Z"),
            (0, "2026-11-21T17:18:35.000Z"),
            (999999, "2026-11-21T17:18:35.999Z"),
            (7, "2026-11-21T17:18:35.000Z"),
        ],
    )
    def test_stored_times_have_three_digits_even_where_they_end_in_0(
        self, microsecond: int, expected: str
    ) -> None:
        assert stored_time(AT.replace(microsecond=microsecond)) == expected

    def test_a_time_that_has_not_come(self) -> None:
        assert stored_time(None) == "None"
        assert list_time(None) is None

    def test_fresh_times_have_microseconds_and_no_z(self) -> None:
        assert fresh_time(AT) == "2026-11-21T17:18:35.464052"
        assert fresh_time(AT.replace(microsecond=0)) == "2026-11-21T17:18:35.000000"

    def test_lists_have_http_dates(self) -> None:
        assert list_time(AT) == "Sat, 21 Nov 2026 17:18:35 GMT"

    def test_every_form_is_utc(self) -> None:
        east = AT.astimezone(timezone(timedelta(hours=5, minutes=30)))
        assert stored_time(east) == stored_time(AT)
        assert fresh_time(east) == fresh_time(AT)
        assert list_time(east) == list_time(AT)


class TestIds:
    def test_a_new_id_is_an_id(self) -> None:
        made = {ids.new_id() for _ in range(1000)}
        assert len(made) == 1000
        assert all(ids.is_id(one) for one in made)

    def test_a_sequence_shares_its_beginning(self) -> None:
        take = ids.IdSequence()
        made = [take() for _ in range(1000)]
        assert len(set(made)) == 1000
        assert all(ids.is_id(one) for one in made)
        assert len({one[:7] for one in made}) <= 2

    def test_two_sequences_do_not_meet(self) -> None:
        first, second = ids.IdSequence(), ids.IdSequence()
        assert not {first() for _ in range(100)} & {second() for _ in range(100)}

    @pytest.mark.parametrize(
        "text", ["", "word-count", "a" * 13, "a" * 14, "ä" * 13, "word_count_13"]
    )
    def test_names_are_no_ids(self, text: str) -> None:
        assert not ids.is_id(text)

    def test_one_wrong_character_is_noticed(self) -> None:
        one = ids.new_id()
        other = "A" if one[0] != "A" else "B"
        assert not ids.is_id(other + one[1:])


class TestCodes:
    def test_levels_include_those_before_them(self) -> None:
        assert Level.UPDATE.includes(Level.READ)
        assert Level.READ.includes(Level.READ)
        assert not Level.READ.includes(Level.EXECUTE)
        assert Level.NONE.includes(Level.NONE)

    def test_which_statuses_have_ended(self) -> None:
        assert [s for s in ExecutionStatus if s.ended] == ["COMPLETE", "ERROR"]
        assert [s for s in BuildStatus if s.ended] == ["READY", "ERROR", "CANCELLED"]

    def test_codes_are_text(self) -> None:
        assert json.dumps(ActorStatus.SHUTTING_DOWN) == '"SHUTTING_DOWN"'


def _wire_errors() -> list[type[errors.AbacoError]]:
    """Those that travel; the client's own grow on the same tree when other tests import it."""
    return [c for c in errors._tree(errors.AbacoError) if c.__module__ == errors.__name__]


class TestErrors:
    def test_every_code_becomes_its_own_class_again(self) -> None:
        tree = _wire_errors()
        assert len({cls.code for cls in tree}) == len(tree)
        for cls in tree:
            again = errors.from_code(cls.code, "why")
            assert type(again) is cls
            assert str(again) == "why"

    @pytest.mark.parametrize("code", [None, "", "of_a_later_release"])
    def test_an_unknown_code_is_still_an_error_of_ours(self, code: str | None) -> None:
        assert type(errors.from_code(code, "why")) is errors.AbacoError

    def test_the_tree_in_the_docstring_is_the_tree(self) -> None:
        drawn = errors.__doc__ or ""
        assert all(cls.__name__ in drawn for cls in _wire_errors())


class TestCall:
    @pytest.mark.parametrize(
        "value",
        [None, True, 0, -1.5, "ü", "", [], [1, [2]], {}, {"a": {"b": None}}],
    )
    def test_what_json_can_hold_travels_as_json(self, value: object) -> None:
        body = call.encode_result(value)
        assert json.loads(body) == value
        assert call.decode_result(body) == value

    @pytest.mark.parametrize(
        "value",
        [(1, 2), [(1,)], {"a": ()}, {1: 2}, {1, 2}, b"\x80", AT, complex(1, 2), {"a": {2: 1}}],
    )
    def test_everything_else_comes_back_as_it_was(self, value: object) -> None:
        body = call.encode_result(value)
        assert body.startswith(call.PICKLE_START)
        again = call.decode_result(body)
        assert again == value
        assert type(again) is type(value)

    def test_not_a_number_survives(self) -> None:
        again = call.decode_result(call.encode_result(float("nan")))
        assert again != again

    def test_bytes_that_are_neither_come_back_as_bytes(self) -> None:
        assert call.decode_result(b"plain text") == b"plain text"
        assert call.decode_result(b"") == b""
        assert call.decode_result(b"\xff\xfe") == b"\xff\xfe"

    def test_a_value_that_holds_itself_is_pickled(self) -> None:
        value: list[object] = []
        value.append(value)
        again = call.decode_result(call.encode_result(value))
        assert again[0] is again


class TestSpec:
    SPEC = spec.BuildSpec(
        source="print(1)\n",
        pip=("numpy<2",),
        env={"b": "1", "a": "2"},
        files={"data/x.bin": b"\x00\xff"},
    )

    def test_the_same_spec_has_the_same_digest(self) -> None:
        turned = spec.BuildSpec(
            source="print(1)\n",
            pip=("numpy<2",),
            env={"a": "2", "b": "1"},
            files={"data/x.bin": b"\x00\xff"},
        )
        assert turned.digest() == self.SPEC.digest()
        assert len(self.SPEC.digest()) == 64

    def test_a_digest_does_not_change_between_releases(self) -> None:
        """Else every image would be built again."""
        assert spec.BuildSpec(source="x").digest() == (
            "67a9532536bffc0e5677c73a3de894231cc2298ca77b464faa6f7b766526fdc5"
        )

    @pytest.mark.parametrize(
        "change",
        [
            {"source": "print(2)\n"},
            {"entry": "main"},
            {"python": "3.12"},
            {"base": "debian"},
            {"apt": ("git",)},
            {"pip": ("numpy<2", "scipy")},
            {"env": {}},
            {"files": {"data/y.bin": b"\x00\xff"}},
        ],
    )
    def test_every_field_counts(self, change: dict[str, object]) -> None:
        import msgspec

        changed = msgspec.structs.replace(self.SPEC, **change)
        assert changed.digest() != self.SPEC.digest()

    def test_the_image_depends_on_the_servers_runtime(self) -> None:
        repository, tag = self.SPEC.image("1").split(":")
        assert repository == spec.IMAGE_REPOSITORY
        assert len(tag) == 24
        assert self.SPEC.image("1") == self.SPEC.image("1")
        assert self.SPEC.image("1") != self.SPEC.image("2")

    def test_it_travels_unchanged(self) -> None:
        assert spec.decode(spec.encode(self.SPEC)) == self.SPEC
        assert spec.decode(json.dumps(spec.to_builtins(self.SPEC)).encode()) == self.SPEC

    @pytest.mark.parametrize(
        ("body", "named"),
        [
            (b"{}", "source"),
            (b'{"source": 1}', "source"),
            (b'{"source": "", "pip": "numpy"}', "pip"),
            (b'{"source": "", "pipp": []}', "pipp"),
            (b'{"source": "", "files": {"a": "no base64!"}}', "files"),
            (b"not json", "not JSON"),
            (b"\xff", "not JSON"),
            (b"", "not JSON"),
        ],
    )
    def test_what_does_not_fit_is_named(self, body: bytes, named: str) -> None:
        with pytest.raises(errors.InvalidSpec, match=named):
            spec.decode(body)


def test_paths_start_below_the_two_roots() -> None:
    assert paths.results("A", "E") == "/actors/v2/A/executions/E/results"
    assert paths.execution_stream("A", "E") == "/abaco/v1/actors/A/executions/E/stream"
    assert paths.build_stream("B") == "/abaco/v1/builds/B/stream"


def test_limits_are_abacos() -> None:
    assert limits.MAX_DATAGRAM_RESULT == 128 * 1024
    assert limits.MAX_ENVIRONMENT_VALUE == 128 * 1024 - 1
    assert limits.LOG_TRUNCATED == " LOG LIMIT EXCEEDED; this execution log was TRUNCATED!"
