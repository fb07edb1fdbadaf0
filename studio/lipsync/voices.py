"""Who speaks: voices that are learned from, voices that choose the checkpoint, and voices that are only measured with."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Voice:
    """`count`: sentences at scale 1. `weight`: how often a crop of it is trained on, for each second of it."""

    engine: str
    name: str
    language: str
    count: int
    weight: float = 1.0
    encoding: str = "utf-8"

    @property
    def key(self) -> str:
        return f"{self.engine}_{self.name}".replace("/", "-")


_RECORDED, _DIPHONE, _FORMANT = 2.5, 1.5, 0.7


def _festival(name: str, language: str, count: int, weight: float = _DIPHONE) -> Voice:
    encoding = {"cs": "iso8859-2", "fi": "iso8859-15", "it": "iso8859-15", "ca": "iso8859-15"}.get(language, "utf-8")
    return Voice("festival", name, language, count, weight, encoding)


def _espeak(name: str, language: str, count: int) -> Voice:
    return Voice("espeak", name, language, count, _FORMANT)


_ENGLISH = (
    "en-us en-us+f1 en-us+f2 gmw/en+f3 en-us+f4 gmw/en+m1 en-us+m2 en-us+m3 gmw/en+m5 en-us+m7 en-us+klatt gmw/en+klatt2 "
    "en-us+steph gmw/en+Mike en-us+linda en-us+paul gmw/en+Annie en-us+david en-us+aunty gmw/en+adam en-us+edward en-us+victor"
).split()
_OTHERS = (
    "fr+f3 fr+michel de+f2 de+norbert it+f4 it+sandro pt+f1 pt+henrique ru+m1 ru+boris cs+f2 cs+m3 fi+f3 pl+m6 pl+f1 tr+m2 nl+m7 sv+f4"
).split()

TRAINED = [
    Voice("flite", "slt", "en", 260, _RECORDED), Voice("flite", "rms", "en", 260, _RECORDED), Voice("flite", "kal16", "en", 70, _DIPHONE),
    _festival("cmu_us_slt_arctic_hts", "en", 140, 2.0), _festival("ked_diphone", "en", 90), _festival("kal_diphone", "en", 60),
    _festival("czech_dita", "cs", 40), _festival("czech_krb", "cs", 30), _festival("czech_ph", "cs", 30),
    _festival("hy_fi_mv_diphone", "fi", 30), _festival("lp_diphone", "it", 40),
    *(_espeak(name, "en", 24) for name in _ENGLISH),
    *(_espeak(name, name.split("+")[0], 11) for name in _OTHERS),
]  # fmt: skip

# Chooses the checkpoint, the head and the weights that ship.
DEVELOPMENT = [
    _festival("upc_ca_ona_hts", "ca", 30), _festival("pc_diphone", "it", 30),
    _espeak("en-us+klatt4", "en", 30), _espeak("gmw/en+Andy", "en", 30), _espeak("fr+belinda", "fr", 20),
]  # fmt: skip

# Reported and never chosen on: a recorded English voice, a Russian one of real units, diphones, formants.
KEPT_OUT = [
    Voice("flite", "awb", "en", 60), _festival("msu_ru_nsh_clunits", "ru", 30), _festival("czech_machac", "cs", 30),
    _festival("suo_fi_lj_diphone", "fi", 30), _espeak("en-us+Alicia", "en", 30), _espeak("de+m8", "de", 20),
]  # fmt: skip

SETS = {"trained": TRAINED, "development": DEVELOPMENT, "kept_out": KEPT_OUT}
