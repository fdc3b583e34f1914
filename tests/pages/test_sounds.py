"""Sounds of what came out: kept as they are, told apart, and played by the page, from disk and on a phone."""

import base64
import io

import pandas as pd
import pytest
import soundfile
import torch
from example_scenes import RATE, SCENE_LEVELS, SCENE_METHODS, SCENES, scene_tables

from rtl_core.problem import Sound
from tasks.artefacts.store import STORE
from tasks.exhibit_method import flac
from tasks.figures.catalogue import figures, spec, specs
from tasks.report.gallery import gallery
from tasks.report.page import report
from tasks.tables.exhibits import exhibits_file, scored, sound_files
from tasks.tables.names import caption_text

PLAYERS = len(SCENES) * (2 + len(SCENE_METHODS) * len(SCENE_LEVELS))
PLAYABLE = """async audio => {
    const ready = new Promise((done, fail) => {
        audio.addEventListener("loadeddata", done);
        audio.addEventListener("error", () => fail(audio.error.message));
    });
    audio.preload = "auto";
    audio.load();
    await ready;
    return [audio.readyState, audio.duration];
}"""


@pytest.fixture(scope="module")
def tables():
    return scene_tables()


@pytest.fixture(scope="module")
def page(tables):
    return report("scenes", tables, specs(tables))


def test_a_sound_of_16_bits_comes_back_bit_by_bit_and_one_too_loud_is_cut_off():
    samples = torch.randint(-(2**15), 2**15, (RATE,), generator=torch.Generator().manual_seed(0))
    kept = flac(Sound(samples / 2**15, RATE))
    found, rate = soundfile.read(io.BytesIO(kept), dtype="int16")
    assert kept.startswith(b"fLaC") and rate == RATE and (found == samples.numpy()).all()
    loud, _ = soundfile.read(io.BytesIO(flac(Sound(torch.tensor([-3.0, 0.0, 3.0]), RATE))), dtype="int16")
    assert loud.tolist() == [-(2**15), 0, 2**15 - 1]


def row(exhibit: str, method: str = "", sparsity: float | None = None, **sounds: dict[str, str]):
    place = {"instance": "", "method": method, "seed": 0, "sparsity": sparsity, "exhibit": exhibit}
    return {**place, "png": {"sha256": STORE.put(b"picture")}, **sounds}


def test_only_a_problem_with_sounds_has_the_column_and_the_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sound = {"sha256": STORE.put(b"sound")}
    rows = [row("indoor, clean", flac=sound), row("in/../door é", "rtl", 0.875, flac=sound), row("seen", "rtl", 0.5)]
    table = pd.read_parquet(io.BytesIO(STORE.get(exhibits_file(rows)["sha256"])))
    assert table.flac.tolist() == [b"sound", b"sound", None] and set(table.png) == {b"picture"}
    assert "example" not in table
    one = pd.read_parquet(io.BytesIO(STORE.get(exhibits_file([*rows, row("x", "rtl", 0.5, example="x 3")])["sha256"])))
    assert one.example.dropna().tolist() == ["x 3"] and one.drop(columns="example")[:3].equals(table)
    assert sound_files(rows) == {
        "sounds/indoor_clean.flac": sound,
        "sounds/in_.._door_é-rtl-sparsity-87.5.flac": sound,
    }
    assert "flac" not in pd.read_parquet(io.BytesIO(STORE.get(exhibits_file(rows[2:])["sha256"])))
    assert sound_files(rows[2:]) == {}


def test_every_sound_has_one_player_on_the_shelf_it_belongs_to(tables):
    shelves, examples = gallery(tables), tables["examples"]
    own = examples[(examples.metric == "si_snri") & (examples.example == "clip 0")]
    scores = own.set_index(["method", "sparsity", "subset"]).value
    assert [shelf.title for shelf in shelves] == list(SCENES)
    for shelf in shelves:
        assert [(card.name, card.score) for card in shelf.references] == [("noisy", ""), ("clean", "")]
        assert [level.percent for level in shelf.levels] == [100 * level for level in SCENE_LEVELS]
        for level, shown in zip(SCENE_LEVELS, shelf.levels, strict=True):
            names = ["RTL", "IMP single", "IMP multiple", "IMP single, RTL's union"]
            assert [card.name for card in shown.cards] == names
            assert shown.cards[0].score == caption_text("si_snri", scores["rtl", level, shelf.title])
    sounds = [card.sound for card in cards_of(shelves)]
    kept = [base64.b64decode(url.removeprefix("data:audio/flac;base64,")) for url in sounds]
    assert sorted(kept) == sorted(tables["exhibits"].flac) and len(sounds) == PLAYERS


def cards_of(shelves):
    levels = [[shelf.references, *(level.cards for level in shelf.levels)] for shelf in shelves]
    return [card for shelf in levels for cards in shelf for card in cards]


def test_references_of_no_exhibit_stand_beside_one_and_what_has_no_sound_has_no_player(tables):
    exhibits = tables["exhibits"].replace({"exhibit": {"indoor, noisy": "before", "outdoor, clean": "outdoors, clean"}})
    silent = exhibits.flac.mask((exhibits.method == "rtl") | (exhibits.sparsity == SCENE_LEVELS[0]))
    shelves = gallery(tables | {"exhibits": exhibits.assign(flac=silent)})
    assert [shelf.title for shelf in shelves] == list(SCENES)
    references = [[card.name for card in shelf.references] for shelf in shelves]
    assert references == [["clean", "before"], ["noisy", "outdoors, clean"], ["noisy", "clean"]]
    heard = [[[bool(card.sound) for card in level.cards] for level in shelf.levels] for shelf in shelves]
    assert heard == [[[False] * 4, [False, True, True, True], [False, True, True, True]]] * 3


def test_of_more_than_a_page_may_hold_some_levels_are_left_out(tables, monkeypatch):
    monkeypatch.setattr("tasks.report.gallery.MOST_BYTES", 1)
    assert {tuple(level.text for level in shelf.levels) for shelf in gallery(tables)} == {("75 %",)}


def test_without_sounds_and_for_a_run_over_several_there_is_nothing_to_listen_to(tables):
    quiet = gallery(tables | {"exhibits": tables["exhibits"].drop(columns="flac")})
    assert not any(card.sound for card in cards_of(quiet)) and all(card.picture for card in cards_of(quiet))
    assert gallery(tables | {"results": tables["results"].assign(instance="a")}) == []
    assert gallery({"results": tables["results"]}) == []
    silent = {name: tables[name] for name in ("results", "summary", "scoring", "parameters")}
    text = report("scenes", silent, specs(silent)).decode()
    assert 'id="exhibits"' not in text and "<audio" not in text


def test_sounds_of_different_names_are_different_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = ["дом", "лес", "a b", "a, b", "a_b", "CON"]
    sounds = {name: {"sha256": STORE.put(name.encode())} for name in names}
    found = sound_files([row(name, flac=sound) for name, sound in sounds.items()])
    assert [*found.values()] == [*sounds.values()]
    for path in ("дом", "лес", "a_b", "_CON"):
        assert f"sounds/{path}.flac" in found


def test_a_scene_with_a_comma_in_its_name_has_sounds_of_its_own(tables):
    exhibits = tables["exhibits"]
    renamed = exhibits.assign(exhibit=exhibits.exhibit.str.replace("outdoor", "indoor, wet"))
    shelves = {shelf.title: shelf for shelf in gallery(tables | {"exhibits": renamed})}
    urls = {name: [card.sound for card in shelves[name].references] for name in ("indoor", "indoor, wet")}
    assert [len(urls[name]) for name in urls] == [2, 2] and not set(urls["indoor"]) & set(urls["indoor, wet"])


def test_pictures_have_the_score_of_the_clip_they_are_of(tables):
    written = spec(figures(tables)["exhibits"])
    references, *made = [written["datasets"][panel["data"]["name"]] for panel in written["concat"]]
    assert len(references) == 6 and len(made) == len(SCENES) * len(SCENE_LEVELS)
    place = "metric == 'si_snri' and sparsity == 0.25 and subset == 'indoor'"
    scores = tables["examples"].query(f"{place} and example == 'clip 0'").set_index("method").value[[*SCENE_METHODS]]
    assert [row["below"] for row in made[0]] == [caption_text("si_snri", value) for value in scores]
    means = tables["results"].query(place).set_index("method").value[[*SCENE_METHODS]]
    assert not set(scores.round(3)) & set(means.round(3))
    unnamed = tables | {"exhibits": tables["exhibits"].drop(columns="example")}
    assert below(unnamed, "indoor") == [caption_text("si_snri", value, mean=True) for value in means]
    assert below(unnamed, "indoor")[0].endswith(" dB mean SI-SNR improvement")
    assert caption_text("si_snri", 4.2).startswith("4.200 dB ") and caption_text("psnr", 31.4) == "PSNR 31.40 dB"


def below(tables, exhibit):
    """Captions of one exhibit at the first level."""
    made = tables["exhibits"].query(f"exhibit == '{exhibit}' and sparsity == {SCENE_LEVELS[0]}")
    return scored(made, tables).below.tolist()


def test_a_caption_has_no_number_of_another_thing_than_what_it_stands_below(tables):
    exhibits, examples, results = (tables[name] for name in ("exhibits", "examples", "results"))
    own = (examples.metric == "si_snri") & (examples.subset == "indoor")
    unscored = tables | {"examples": examples[~own | (examples.example != "clip 0")]}
    assert below(unscored, "indoor") == [""] * len(SCENE_METHODS) != below(unscored, "outdoor")
    elsewhere = tables | {"exhibits": exhibits.replace({"exhibit": {"indoor": "a room"}})}
    assert below(elsewhere, "a room") == [""] * len(SCENE_METHODS)  # three subsets have a "clip 0"
    named_once = elsewhere | {"examples": examples.assign(example=examples.subset + " " + examples.example)}
    named_once["exhibits"] = elsewhere["exhibits"].assign(example="indoor clip 0")
    assert below(named_once, "a room") == below(tables, "indoor")
    whole = {"exhibits": exhibits.drop(columns="example").replace({"exhibit": {"indoor": "a room"}})}
    means = results.query("metric == 'si_snri' and subset == 'mean' and sparsity == 0.25").value
    assert below(tables | whole, "a room") == [caption_text("si_snri", value, mean=True) for value in means]
    undefined = (results.metric == "si_snri") & (results.subset == "indoor")
    unknown = {
        "exhibits": exhibits.drop(columns="example"),
        "results": results.assign(value=results.value.mask(undefined)),
    }
    assert below(tables | unknown, "indoor") == [""] * len(SCENE_METHODS)
    single = {"results": results, "exhibits": exhibits.drop(columns="example")}
    of_subset = results.query("metric == 'si_snri' and subset == 'indoor' and sparsity == 0.25").value
    assert below(single, "indoor") == [caption_text("si_snri", value) for value in of_subset]


def test_the_page_plays_each_without_a_network_and_fits_a_phone(page, browser_page, tmp_path):
    complaints = []
    browser_page.on("console", lambda message: complaints.append(message.text))
    browser_page.on("pageerror", lambda error: complaints.append(str(error)))
    browser_page.set_viewport_size({"width": 360, "height": 800})
    browser_page.context.set_offline(True)
    path = tmp_path / "report.html"
    path.write_bytes(page)
    browser_page.goto(path.as_uri())
    players = browser_page.locator("#exhibits audio")
    assert players.count() == browser_page.locator("audio").count() == PLAYERS
    labels = players.evaluate_all("all => all.map(one => one.getAttribute('aria-label'))")
    assert len(set(labels)) == PLAYERS and labels[0] == "indoor, noisy"
    assert labels[2].startswith("indoor, 25 % sparsity, RTL, ") and labels[2].endswith("dB SI-SNR improvement")
    state, seconds = players.nth(5).evaluate(PLAYABLE)
    assert state >= 2 and seconds == pytest.approx(1)
    for level in ("25 %", "75 %"):
        browser_page.locator("#exhibits select").select_option(level)
        boxes = [audio.bounding_box() for audio in players.all() if audio.is_visible()]
        assert len(boxes) == len(SCENES) * (2 + len(SCENE_METHODS))
        assert all(box["width"] >= 200 and box["x"] + box["width"] <= 360 for box in boxes)
    assert browser_page.evaluate("document.scrollingElement.scrollWidth") <= 360
    assert complaints == []


def test_playing_one_sound_stops_the_other(page, browser_page, tmp_path):
    path = tmp_path / "report.html"
    path.write_bytes(page)
    browser_page.goto(path.as_uri())
    play = "async one => { one.loop = true; one.muted = true; await one.play(); }"
    first, second = browser_page.locator("audio").nth(0), browser_page.locator("audio").nth(1)
    first.evaluate(play)
    second.evaluate(play)
    assert first.evaluate("one => one.paused") and not second.evaluate("one => one.paused")


def test_the_policy_of_the_page_allows_media_from_itself_alone(page):
    policy = page.decode().partition('http-equiv="Content-Security-Policy" content="')[2].partition('"')[0]
    assert "default-src 'none'" in policy and policy.split("media-src ")[1] == "data:"
