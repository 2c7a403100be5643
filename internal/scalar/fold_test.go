package scalar

import (
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

func TestFold(t *testing.T) {
	for _, tt := range []struct{ name, want string }{
		{"José Álvarez", "jose alvarez"},
		{"Renée D'Souza", "renee dsouza"},
		{"Mary-Jane O’Neill", "maryjane oneill"},
		{"D´Souza", "dsouza"},
		{"Łukasz Søren Đorđe Ægir Œuvre Þór", "lukasz soren dorde aegir oeuvre thor"},
		{"İpek IŞIK ısı", "ipek isik isi"},
		{"ÖZGÜR", "ozgur"},
		{"Ｆｕｌｌｗｉｄｔｈ", "fullwidth"},
		{"zero\u200bwidth\u00ad", "zerowidth"},
		{"STRASSE Straße", "strasse strasse"},
		{"  a \u00a0\t b\u2003", "a b"},
		{"Ёлкина Йосиф", "елкина иосиф"},
		{"Αλέξανδρος ΌΣΟΣ", "αλεξανδροσ οσοσ"},
		{"राजेश कुमार", "राजेश कुमार"},
		{"क़", "क़"},
		{"ராஜேஷ்", "ராஜேஷ்"},
		{"100%", "100%"},
		{"A_B", "a_b"},
		{"ﷺ", "صلى الله عليه وسلم"},
		{"ǰ", "j"},
		{"---", ""},
		{"", ""},
		{"\u0301\u0301", "\u0301\u0301"},
	} {
		if got := Fold(tt.name); got != tt.want {
			t.Errorf("%q is folded to %q, want %q", tt.name, got, tt.want)
		}
	}
}

// TestFoldApart checks that the commonest names in Hindi, which differ in their vowel
// signs, have different keys.
func TestFoldApart(t *testing.T) {
	keys := map[string]string{}
	for name := range strings.FieldsSeq("राम रमा रोमा सीता सुता सती शिव शिवा शैव मीरा मोर मार गीता गति नेहा राजेश रजिश दिनेश दानिश") {
		if other := keys[Fold(name)]; other != "" {
			t.Errorf("%s and %s have the same key", name, other)
		}
		keys[Fold(name)] = name
	}
}

// FuzzFold checks that a key stays as it is when it is folded again, and that a name
// has the same key in upper and lower case, composed and decomposed.
func FuzzFold(f *testing.F) {
	for _, s := range []string{
		"José", "D'Souza", "Mary-Jane", "İpek IŞIK", "ŉ", "ﷺ", "ǰ", "ﬁ", "ΐ", "ᾳ", "ͅ", "Ǆ", "ß", "ẞ", "a-\u0301b", "- \u0301", "क़", "\u1100\u1161", "한글", "ɑ̃",
		strings.Repeat("\u0301", 200), "क" + strings.Repeat("\u093c", 100), "\u034f", "\ufe0f", "\xff", "K", "Å", "℻", "…", "´a", "＇", "½", "ᴬ",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		key := Fold(s)
		if again := Fold(key); again != key {
			t.Errorf("%+q is folded to %+q and then to %+q", s, key, again)
		}
		if !utf8.ValidString(s) {
			return
		}
		if len(key) > 20*len(s) {
			t.Errorf("%+q becomes %d bytes", s, len(key))
		}
		for _, other := range []string{norm.NFC.String(s), norm.NFD.String(s)} {
			if Fold(other) != key {
				t.Errorf("%+q is folded to %+q, but %+q to %+q", s, key, other, Fold(other))
			}
		}
	})
}
