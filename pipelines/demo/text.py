"""Free text as field teams write it, mostly Arabic, some Kurdish and English; nobody real, no number that rings.

What is planted on purpose, so that a test can look for it, is in mistakes.py.
"""

import random
from collections.abc import Callable, Mapping

REMARKS = (
    "لا توجد ملاحظات",
    "تم تحديث الأرقام حسب سجل إدارة المخيم",
    "المياه متوفرة لكن الضغط ضعيف في القطاع ج",
    "نحتاج إلى صيانة الطريق الداخلي قبل موسم الأمطار",
    "العوائل الجديدة بانتظار الخيام",
    "تم توزيع النفط الأبيض على جميع العوائل",
    "انقطاع الكهرباء أكثر من ٦ ساعات يوميا",
    "عدد من الخيام متضرر بسبب الرياح",
    "المركز الصحي يعمل ثلاثة أيام في الأسبوع فقط",
    "توقفت المنظمة عن العمل منذ نهاية الشهر الماضي",
    "بعض العوائل عادت إلى مناطقها الأصلية",
    "ژمارەکان لەگەڵ تۆماری بەڕێوەبەرایەتی کەمپ یەکدەگرنەوە",
    "ئاو بەردەستە بەڵام کێشەی فشار هەیە",
    "هەندێک خێزان گەڕانەوە بۆ شوێنی خۆیان",
    "پێویستمان بە چاککردنەوەی گەرماوەکان هەیە",
    "Figures confirmed with camp management",
    "Drainage in block B needs cleaning before winter",
    "Waiting for the new caravans",
)
REASONS = (
    "عودة عوائل إلى مناطقها الأصلية",
    "وصول عوائل من مخيم مغلق",
    "انتقال عوائل إلى خارج المخيم",
    "تدقيق السجل وحذف المغادرين",
    "گەڕانەوەی خێزانەکان",
    "New registration exercise",
)
FIRST_NAMES = (
    "أحمد", "محمد", "علي", "حسين", "عمر", "خالد", "سعد", "زينب", "فاطمة", "نور", "مريم", "هدى", "سارا", "ئازاد",
    "شيرزاد", "دلشاد", "ڕێبین", "شیلان", "ژیان", "هێمن", "Karwan", "Rawand", "Hiwa", "Layla",
)  # fmt: skip
FAMILY_NAMES = (
    "الجبوري", "العبيدي", "الدليمي", "الحمداني", "اللهيبي", "الشمري", "كريم", "صالح", "حسن", "عبدالله", "رەشید",
    "قادر", "عزیز", "خەلیل", "Hassan", "Ahmed", "Omar",
)  # fmt: skip
PLACES = ("قرب المدخل الرئيسي", "خلف المدرسة", "القطاع ب", "مركز المدينة", "نزیک بازاڕ", "Block C")
ILLNESSES = ("حالات ربو", "أمراض الأسنان", "ضغط الدم والسكري", "نەخۆشی چاو")
OTHERS = ("أخرى حسب إدارة المخيم", "منظمة محلية", "حسب الحاجة", "هیتر", "local initiative")


def person(rng: random.Random) -> str:
    """A name that could be anybody's."""
    return f"{rng.choice(FIRST_NAMES)} {rng.choice(FAMILY_NAMES)}"


def phone(rng: random.Random) -> str:
    """A number in the form of an Iraqi mobile number, in a block that no operator has."""
    return f"0700{rng.randrange(10**7):07}"


def email(rng: random.Random) -> str:
    """An address in a domain that will never exist."""
    return f"camp{rng.randrange(100)}@example.org"


KINDS: Mapping[str, Callable[[random.Random], str]] = {
    "remark": lambda rng: rng.choice(REMARKS),
    "reason": lambda rng: rng.choice(REASONS),
    "place": lambda rng: rng.choice(PLACES),
    "other": lambda rng: rng.choice(OTHERS),
    "illness": lambda rng: rng.choice(ILLNESSES),
    "person": person,
    "phone": phone,
    "email": email,
}
"""The kinds of text that plausible.yml may name."""
