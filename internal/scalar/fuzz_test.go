package scalar

import (
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// FuzzPhone checks that a phone number stays as it is when it is normalised again,
// and is a national number of India or an international one.
func FuzzPhone(f *testing.F) {
	for _, s := range []string{
		"9876543210", "+91 98765 43210", "09876543210", "0091 9876543210", "091-98765-43210", "+977 9841234567", "1800 123 4567", "022-2345 6789", "९८७६५४३२१०", "(987) 654.3210",
		"+91+919876543210", "9876543210/9876543211", "9876543210 ext 5", "tel:9876543210", "0000000000", "", "phone", "\x00", strings.Repeat("9", 4000), "+800 1234 5678", "112",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		normal := NormalPhone(s)
		if again := NormalPhone(normal); again != normal {
			t.Errorf("%q is normalised to %q and then to %q", s, normal, again)
		}
		if Phone(normal) != nil {
			if normal != s {
				t.Errorf("%q is no number, but was changed to %q", s, normal)
			}
			return
		}
		if digits := strings.TrimPrefix(normal, "+"); len(digits) < 4 || len(digits) > 17 || strings.Trim(digits, "0123456789") != "" {
			t.Errorf("%q is taken as %q", s, normal)
		}
	})
}

// FuzzRupees checks that an amount reads what it writes, and is within bounds.
func FuzzRupees(f *testing.F) {
	for _, s := range []string{"1500", "1500.5", "1500.00", "-0.01", "1e3", "1E-2", "0x10", "", ".", "-", "1.005", "99999999999999999999", "+5", "1_000", "१५", " 7 ", "NaN", "Inf", "1e400"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r := ParseRupees(s)
		if r.Check() != nil {
			return
		}
		if again := ParseRupees(r.String()); again != r {
			t.Errorf("%q is %d, but %s is %d", s, r, r, again)
		}
		if r > MaxRupees || r < -MaxRupees {
			t.Errorf("%q is %d", s, r)
		}
		if Fee(r) == nil && (r < 0 || r > 100_000_00) {
			t.Errorf("%q is taken as a fee", s)
		}
	})
}

// FuzzDate checks that a date reads what it writes, in GraphQL and in a column.
func FuzzDate(f *testing.F) {
	for _, s := range []string{"1990-05-15", "2024-02-29", "2023-02-29", "0000-01-01", "0001-01-01", "9999-12-31", "10000-01-01", "1990-5-15", "1990-05-15T00:00:00Z", "", "-001-01-01"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d := ParseDate(s)
		if d.Check() != nil {
			return
		}
		if again := ParseDate(d.String()); again != d {
			t.Errorf("%q is read as %s, and that as %s", s, d, again)
		}
		value, err := d.Value()
		if err != nil {
			t.Errorf("%q has no value: %v", s, err)
		}
		var column, argument Date
		if err := column.Scan(value); err != nil || column != d {
			t.Errorf("%q is stored as %v (%v)", s, column, err)
		}
		if err := argument.UnmarshalGQL(s); err != nil || argument != d {
			t.Errorf("%q is the argument %v (%v)", s, argument, err)
		}
		if BirthDate(d) == nil && (d.Age(time.Now()) < 0 || d.Age(time.Now()) > 200) {
			t.Errorf("%q is the birth of a person of %d years", s, d.Age(time.Now()))
		}
	})
}

// FuzzLicense checks that a license number stays as it is when it is
// normalised again, and has nothing but what it may.
func FuzzLicense(f *testing.F) {
	for _, s := range []string{"MH-12345", "mh/12345", " a1b ", "", "ab", "ABC", "ß12", "ﬁ123", "ı1x", "٣٤٥", "A1\x00", "1\n23"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		normal := NormalLicense(s)
		if License(normal) != nil {
			return
		}
		if NormalLicense(normal) != normal {
			t.Errorf("%q is normalised to %q and then to %q", s, normal, NormalLicense(normal))
		}
		if n := len(normal); n < 3 || n > 50 || strings.Trim(normal, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-/ ") != "" {
			t.Errorf("%q is taken as %q", s, normal)
		}
	})
}

// FuzzEmail checks that an e-mail address stays as it is when it is normalised
// again, and is one line of text with one address.
func FuzzEmail(f *testing.F) {
	for _, s := range []string{
		"asha@example.com", "Asha@Example.COM", "a.b+c@d-e.co.in", "", "@", "a@b", "a@b.", "a@@b.c", `"a b"@c.d`, "A <a@b.c>", "a@[127.0.0.1]", "a@b.c,d@e.f",
		"a@b.c\n", "आशा@उदाहरण.भारत", "K@example.com", "İ@example.com", "a\x00@b.c", "(c)a@b.c",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		normal := NormalEmail(s)
		if Email(normal) != nil {
			return
		}
		if NormalEmail(normal) != normal {
			t.Errorf("%q is normalised to %q and then to %q", s, normal, NormalEmail(normal))
		}
		if !utf8.ValidString(normal) || utf8.RuneCountInString(normal) > 254 || strings.ContainsAny(normal, "\x00\r\n\t <>") || !strings.Contains(normal, "@") {
			t.Errorf("%q is taken as %q", s, normal)
		}
	})
}

// FuzzOneLine checks that a text stays as it is when it is normalised again, is
// composed, and shows nothing else than before.
func FuzzOneLine(f *testing.F) {
	for _, s := range []string{"Asha", " अरुण\u200d ", "a\u200bb", "\u202eabc", "\u200c\u200d", "e\u0301", "؀١", "\u0600", "a\nb", "\ufeff", "\xff", "\u200b \u200b", "ශ්\u200dරී"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		line := OneLine(s)
		if again := OneLine(line); again != line {
			t.Errorf("%q is normalised to %q and then to %q", s, line, again)
		}
		if Line(100)(line) == nil && (strings.TrimSpace(line) != line || !norm.NFC.IsNormalString(line) || strings.ContainsAny(line, "\n\r\u200b\u202e")) {
			t.Errorf("%q is taken as %q", s, line)
		}
		if NormalUsername(NormalUsername(s)) != NormalUsername(s) {
			t.Errorf("%q is normalised as a username to %q", s, NormalUsername(s))
		}
	})
}

// TestDigits checks that every decimal digit of Unicode has its value.
func TestDigits(t *testing.T) {
	for _, zero := range []rune{'0', '०', '௦', '٠', '۰', '০', '೦', '൦', '０', '𝟎', '𝟘', '𝟢', '𝟬', '𝟶', '𞥐'} {
		for n := range rune(10) {
			if got := Digits(string(zero + n)); got != string('0'+n) {
				t.Errorf("%c is %s, want %d", zero+n, got, n)
			}
		}
	}
	for r := range unicode.MaxRune {
		if unicode.Is(unicode.Nd, r) && strings.Trim(Digits(string(r)), "0123456789") != "" {
			t.Errorf("%c is no digit", r)
		}
	}
}
