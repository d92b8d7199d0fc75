"""What the project says about its folders, its tools and its sources."""

from pathlib import Path

import pytest

from pipelines.errors import ConfigError
from pipelines.project import (
    Calendar,
    Period,
    Project,
    Source,
    SourceAsset,
    Tool,
    prepare_dagster_home,
)
from pipelines.project.secret import Secret

KOBO = "sources:\n  kobo:\n    kind: kobo\n    url: https://kobo.example.org/\n    token_env: KOBO_TOKEN\n    tools:\n"


@pytest.fixture
def small(tmp_path: Path) -> Project:
    """A project with one tool, of which only the title is known."""
    folder = tmp_path / "cluster" / "xlsforms" / "fsmt"
    folder.mkdir(parents=True)
    (folder / "tool.yml").write_text("title: Formal Site Monitoring Tool\n")
    return Project(tmp_path / "cluster", tmp_path / "data")


def with_sources(project: Project, text: str) -> Project:
    (project.xlsforms / "sources.yml").write_text(text)
    return project


def refusal(project: Project, text: str) -> str:
    """What is said about sources.yml with `text`, without the folder it lies in."""
    with pytest.raises(ConfigError) as refused:
        with_sources(project, text).sources()
    return str(refused.value).replace(f"{project.xlsforms}/", "")


class TestFolders:
    def test_the_environment_names_them(self) -> None:
        environ = {"CCCM_PROJECT": "/srv/iraq", "CCCM_DATA": "/var/lib/cccm"}
        assert Project.from_environment(environ) == Project(Path("/srv/iraq"), Path("/var/lib/cccm"))

    def test_without_it_they_are_this_folder_and_the_users_data(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        expected = Project(tmp_path, Path.home() / ".local/share/cccm" / tmp_path.name)
        assert Project.from_environment({}) == expected

    def test_all_state_lies_in_the_data_folder(self) -> None:
        project = Project(Path("/p"), Path("/d"))
        assert [
            project.archive_file("fsmt"),
            project.work_file,
            project.published_file,
            project.restricted_file,
            project.attachments,
            project.products,
            project.dagster_home,
        ] == [
            Path("/d/archive/fsmt.duckdb"),
            Path("/d/work.duckdb"),
            Path("/d/warehouse.duckdb"),
            Path("/d/warehouse-restricted.duckdb"),
            Path("/d/attachments"),
            Path("/d/products"),
            Path("/d/dagster"),
        ]

    def test_a_folder_that_is_no_project_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError) as refused:
            Project(tmp_path, tmp_path).tools()
        assert str(refused.value) == (
            f"{tmp_path}/xlsforms does not exist: start in the project's folder, or set CCCM_PROJECT to it."
        )


class TestTools:
    def test_a_title_is_enough(self, small: Project) -> None:
        folder = small.xlsforms / "fsmt"
        assert small.tools() == (Tool(name="fsmt", folder=folder, title="Formal Site Monitoring Tool"),)

    def test_every_fact_of_tool_yml_is_read(self, small: Project) -> None:
        (small.xlsforms / "fsmt" / "tool.yml").write_text(
            "title: FSMT\nunit: [site]\nperiod: report_month\n"
            "calendar: {due_day: 5, late_after_day: 10, schedule: 0 6 2 * *}\nlanguages: [en, ar, ckb]\n"
            "awaiting_review: [ckb]\norder: [latest]\nprefer: [kobo]\nreporters: site\nfreshness_days: 35\n"
        )
        assert small.tool("fsmt") == Tool(
            name="fsmt",
            folder=small.xlsforms / "fsmt",
            title="FSMT",
            unit=("site",),
            period=Period(question="report_month", every="month"),
            calendar=Calendar(due_day=5, late_after_day=10, schedule="0 6 2 * *"),
            languages=("en", "ar", "ckb"),
            awaiting_review=("ckb",),
            order=("latest",),
            prefer=("kobo",),
            reporters="site",
            freshness_days=35,
        )

    def test_a_folder_without_tool_yml_is_no_tool(self, small: Project) -> None:
        (small.xlsforms / "drafts").mkdir()
        assert [tool.name for tool in small.tools()] == ["fsmt"]

    @pytest.mark.parametrize("name", ["FSMT", "exit-interview", "fsmt__service", "2019"])
    def test_a_name_that_no_table_could_bear_is_refused(self, small: Project, name: str) -> None:
        (small.xlsforms / name).mkdir()
        (small.xlsforms / name / "tool.yml").write_text("title: x\n")
        with pytest.raises(ConfigError, match=f"{name} is no name for a tool: rename it"):
            small.tools()

    def test_an_unknown_tool_is_answered_with_the_known_ones(self, small: Project) -> None:
        with pytest.raises(ConfigError, match=r"has no tool 'fsnt': name one of fsmt\."):
            small.tool("fsnt")

    def test_versions_are_ordered_as_people_count(self, small: Project) -> None:
        folder = small.xlsforms / "fsmt"
        for name in ("2026-10.xlsx", "2026-2.xlsx", "2019-1.xlsx", "2026-2b.xlsx", "~$2026-2.xlsx", "notes.txt"):
            (folder / name).touch()
        tool = small.tool("fsmt")
        assert tool.versions == ("2019-1", "2026-2", "2026-2b", "2026-10")
        assert tool.form_file("2026-2") == folder / "2026-2.xlsx"

    def test_an_unknown_version_is_answered_with_the_known_ones(self, small: Project) -> None:
        (small.xlsforms / "fsmt" / "2019-1.xlsx").touch()
        with pytest.raises(ConfigError, match=r"has no version '\.\./x': name one of its versions \(2019-1\)\."):
            small.tool("fsmt").form_file("../x")

    @pytest.mark.parametrize("line", ["calendar: {due_day: 31}", "calendar: {schedule: daily}", "order: [newest]"])
    def test_a_value_that_means_nothing_is_refused_with_its_line(self, small: Project, line: str) -> None:
        (small.xlsforms / "fsmt" / "tool.yml").write_text(f"title: x\n{line}\n")
        with pytest.raises(ConfigError, match=r"tool\.yml, line 2, key"):
            small.tool("fsmt")


class TestSources:
    def test_a_project_may_have_none(self, small: Project) -> None:
        assert small.sources() == ()

    def test_one_asset_is_short_and_several_are_a_list(self, small: Project) -> None:
        (small.xlsforms / "rasp").mkdir()
        (small.xlsforms / "rasp" / "tool.yml").write_text("title: RASP\n")
        text = KOBO + "      rasp: aRasp\n      fsmt: [{asset: aOne, round: 2026-1}, {asset: aTwo, round: 2026-2}]\n"
        assert with_sources(small, text).sources() == (
            Source(
                name="kobo",
                kind="kobo",
                url="https://kobo.example.org",
                token_env="KOBO_TOKEN",
                assets=(
                    SourceAsset(tool="fsmt", asset="aOne", round="2026-1"),
                    SourceAsset(tool="fsmt", asset="aTwo", round="2026-2"),
                    SourceAsset(tool="rasp", asset="aRasp"),
                ),
            ),
        )

    def test_export_files_lie_in_the_data_folder_and_bear_their_layouts_name(self, small: Project) -> None:
        text = (
            "sources:\n  assist:\n    kind: export_file\n    folder: inbox/assist\n"
            '    tools: {fsmt: {files: "*.csv", layout: fsmt-map-2020}}\n'
        )
        assert with_sources(small, text).sources() == (
            Source(
                name="assist",
                kind="export_file",
                folder=small.data / "inbox/assist",
                assets=(SourceAsset(tool="fsmt", asset="fsmt-map-2020", files="*.csv", layout="fsmt-map-2020"),),
            ),
        )

    def test_odk_central_is_named_by_its_account_and_project(self, small: Project) -> None:
        text = (
            "sources:\n  central:\n    kind: odk_central\n    url: https://central.example.org\n"
            "    email_env: CENTRAL_EMAIL\n    password_env: CENTRAL_PASSWORD\n    project: 1\n"
            "    tools: {fsmt: fsmt}\n"
        )
        assert with_sources(small, text).sources() == (
            Source(
                name="central",
                kind="odk_central",
                url="https://central.example.org",
                email_env="CENTRAL_EMAIL",
                password_env="CENTRAL_PASSWORD",
                project=1,
                assets=(SourceAsset(tool="fsmt", asset="fsmt"),),
            ),
        )

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            (
                KOBO + "      fsnt: aOne\n",
                "sources.yml, line 6, key 'sources.kobo.tools': there is no tool 'fsnt': name one of fsmt, or add "
                "xlsforms/fsnt/.",
            ),
            (
                KOBO + "      fsmt: [aOne, aOne]\n",
                "sources.yml, line 2, key 'sources.kobo': two entries of tool 'fsmt' have the same name: give each its "
                "own asset.",
            ),
            (
                KOBO + "      fsmt: {round: 1}\n",
                "sources.yml, line 7, key 'sources.kobo.tools.fsmt': neither asset nor layout is given: name the "
                "asset, or the layout of the export files.",
            ),
            (
                KOBO.replace("https://", "http://"),
                "sources.yml, line 4, key 'sources.kobo.url': http would send the token in clear: write https.",
            ),
            (
                KOBO.replace("https://kobo.example.org/", "kobo.example.org"),
                "sources.yml, line 4, key 'sources.kobo.url': this is no address of a server: write it as "
                "https://kobo.example.org.",
            ),
            (
                KOBO.replace("KOBO_TOKEN", "4f0c-secret"),
                "sources.yml, line 5, key 'sources.kobo.token_env': this is no name of an environment variable: write "
                "the name here, never the secret itself.",
            ),
            (
                "sources: {kobo: {kind: kobo, url: 'https://k.example.org'}}\n",
                "sources.yml, line 1, key 'sources.kobo': a source of kind kobo needs the key 'token_env' or "
                "'token_file': add it.",
            ),
            (
                KOBO.replace("    tools:", "    media_hosts: [https://media.example.org]\n    tools:"),
                "sources.yml, line 6, key 'sources.kobo.media_hosts': 'https://media.example.org' is no name of a "
                "host: write it as media.example.org, without https://.",
            ),
            (
                "sources: {a: {kind: odk_central, url: 'https://c.example.org', project: 1, email_env: E}}\n",
                "sources.yml, line 1, key 'sources.a': a source of kind odk_central needs the key 'password_env' or "
                "'password_file': add it.",
            ),
            (
                "sources: {a: {kind: export_file}}\n",
                "sources.yml, line 1, key 'sources.a': a source of kind export_file needs the key 'folder': add it.",
            ),
            (
                "sources:\n  kobo:\n    kind: kobo\n    token: 4f0c\n    url: https://k.example.org\n",
                "sources.yml, line 4: unknown key 'token': did you mean 'token_env'? Known here: ca_file, "
                "email_env, email_file, folder, guard, kind, media_hosts, parallel, password_env, password_file, "
                "project, reference, token_env, token_file, tools, url.",
            ),
        ],
    )
    def test_a_mistake_is_named_by_its_line_and_never_shows_a_secret(
        self, small: Project, text: str, said: str
    ) -> None:
        assert refusal(small, text) == said


class TestToken:
    source = Source(name="kobo", kind="kobo", url="https://k.example.org", token_env="KOBO_TOKEN")

    def test_it_is_read_from_the_environment_and_stays_out_of_the_repr(self) -> None:
        assert self.source.token({"KOBO_TOKEN": " 4f0c\n"}) == Secret("4f0c")
        assert "4f0c" not in repr(self.source)

    def test_a_missing_one_says_which_variable_to_set(self) -> None:
        with pytest.raises(ConfigError) as refused:
            self.source.token({})
        assert str(refused.value) == "source 'kobo' has no token: set the environment variable KOBO_TOKEN."

    def test_one_that_no_server_gave_out_is_refused_and_not_shown(self) -> None:
        with pytest.raises(ConfigError) as refused:
            self.source.token({"KOBO_TOKEN": "4f0c\r\nX-Evil: 1"})
        assert "4f0c" not in str(refused.value)

    def test_a_file_of_mode_0600_holds_it_too(self, tmp_path: Path) -> None:
        file = tmp_path / "kobo.token"
        file.write_text("4f0c\n")
        file.chmod(0o600)
        assert Source(name="kobo", kind="kobo", token_file=file).token({}) == Secret("4f0c")

    def test_a_file_that_others_may_read_is_refused(self, tmp_path: Path) -> None:
        file = tmp_path / "kobo.token"
        file.write_text("4f0c\n")
        file.chmod(0o640)
        with pytest.raises(ConfigError) as refused:
            Source(name="kobo", kind="kobo", token_file=file).token({})
        assert str(refused.value) == f"{file} can be read by others: set its mode with 'chmod 600 {file}'."

    def test_a_file_that_is_absent_is_named(self, tmp_path: Path) -> None:
        file = tmp_path / "kobo.token"
        with pytest.raises(ConfigError) as refused:
            Source(name="kobo", kind="kobo", token_file=file).token({})
        assert str(refused.value) == (
            f"the token of source 'kobo' cannot be read from {file} (No such file or directory): write it there, "
            "mode 0600."
        )


class TestDagsterHome:
    def test_it_holds_the_settings_of_the_project(self, project: Project) -> None:
        home = prepare_dagster_home(project)
        assert home == project.data / "dagster"
        assert {path.name: path.read_bytes() for path in home.iterdir()} == {
            "dagster.yaml": (project.root / "dagster.yaml").read_bytes()
        }

    def test_settings_that_changed_replace_the_old_ones(self, small: Project) -> None:
        for text in ("telemetry: {enabled: false}\n", "nux: {enabled: false}\n"):
            (small.root / "dagster.yaml").write_text(text)
            assert (prepare_dagster_home(small) / "dagster.yaml").read_text() == text

    def test_a_cluster_without_settings_gets_the_programs_own(self, small: Project, project: Project) -> None:
        settings = prepare_dagster_home(small) / "dagster.yaml"
        assert settings.read_bytes() == (project.root / "dagster.yaml").read_bytes()
