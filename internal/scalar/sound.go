package scalar

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mozillazg/go-unidecode"
	"golang.org/x/text/unicode/norm"
)

// Sounds returns a key for each word of a name. The usual spellings of one name, in
// Latin letters and in the scripts of India, have the same key: Lakshmi, Laxmi and
// लक्ष्मी. It is made of the first letter and the consonants that follow, in which
// voiced and unvoiced ones are one, as in the script of Tamil; a word with fewer than
// three of those is kept with its vowels. A key has small letters of ASCII and digits.
// A text without letters and digits has none.
func Sounds(name string) []string {
	var keys []string
	for word := range strings.FieldsFuncSeq(norm.NFKC.String(name), func(r rune) bool {
		return !unicode.In(r, unicode.L, unicode.M, unicode.Nd, unicode.Cf) && !strings.ContainsRune(left, r)
	}) {
		word = latin(word)
		if full, ok := abbreviated[word]; ok {
			word = full
		}
		if key := sound(romanised.Replace(word)); key != "" {
			keys = append(keys, key)
		}
	}
	return keys
}

// abbreviated are the names that Indian papers shorten.
var abbreviated = map[string]string{"md": "mohammed", "mohd": "mohammed", "mhd": "mohammed", "kr": "kumar"}

// SoundKey returns the keys of a name as they are stored: each between blanks, so that
// a search for a key between blanks finds no part of another. It is one blank if there
// are none, so that nothing is computed twice.
func SoundKey(name string) string {
	return " " + strings.Join(append(Sounds(name), ""), " ")
}

// romanised makes the usual ways one in which a sound is written in Latin letters. C
// stands for ch. At each place the first that fits is taken.
var romanised = strings.NewReplacer(
	"ksh", "ks", "chh", "C", "sch", "s", "dny", "gn", "jny", "gn", "gny", "gn",
	"ch", "C", "ck", "k", "sh", "s", "ph", "f", "zh", "l", "gy", "gn", "jn", "gn",
	"bh", "b", "dh", "d", "gh", "g", "jh", "j", "kh", "k", "th", "t",
	"aa", "a", "ee", "i", "ii", "i", "oo", "u", "ou", "u", "uu", "u",
	"x", "ks", "z", "j", "q", "k",
)

// sound returns the key of a word that is romanised.
func sound(word string) string {
	var b strings.Builder
	var last byte
	for i := range len(word) {
		c, next := word[i], byte(0)
		if i+1 < len(word) {
			next = word[i+1]
		}
		switch {
		case c == 'C':
			c = 'c'
		case c == 'c' && oneOf("eiy", next): // as in Cecilia
			c = 's'
		case c == 'c':
			c = 'k'
		case c == 'i' && oneOf("aou", next) && !vowel(last): // as in Sonia, which is Soniya
			b.WriteByte(c)
			c = 'y'
		case c == 'y' && last != 0 && (!vowel(next) || vowel(last) && last != 'i'): // as in Reddy, Lyla and Ayesha
			c = 'i'
		case c == 'w' && !vowel(next): // as in Chowdhury
			c = 'u'
		case c == 'w':
			c = 'v'
		case c == 'h' && next == 0 && last == 'n': // as in Sinh
			c = 'g'
		case c == 'h' && next == 0 && last != 0: // as in Abdullah
			continue
		case c == 'n' && oneOf("pbf", next): // as in Sanpat
			c = 'm'
		}
		if c != last {
			b.WriteByte(c)
		}
		last = c
	}
	whole := vowels.Replace(b.String())
	if whole == "" {
		return ""
	}
	if key := whole[:1] + consonants.Replace(whole[1:]); len(key) >= 3 {
		return unvoiced.Replace(key)
	}
	return whole
}

var (
	consonants = strings.NewReplacer("a", "", "e", "", "i", "", "o", "", "u", "")
	unvoiced   = strings.NewReplacer("b", "p", "d", "t", "g", "k")

	// vowels makes the usual ways one in which two vowels are written.
	vowels = strings.NewReplacer("aie", "e", "ai", "e", "ae", "e", "ei", "e", "au", "o", "ao", "o")
)

func vowel(c byte) bool { return oneOf("aeiou", c) }

func oneOf(list string, c byte) bool { return strings.IndexByte(list, c) >= 0 }

// latin returns a word in small Latin letters and digits, as it is heard. The library
// knows letters alone, and writes an Indic consonant without the vowel a that is heard
// where no other is written.
func latin(word string) string {
	var b strings.Builder
	open := false // after an Indic consonant that has no vowel yet
	var last rune
	word = heard.Replace(word)
	for at, r := range word {
		indic := r >= firstIndic && r <= lastIndic
		place, script := r&0x7f, r>>7
		if indic && (place == nukta || script == gurmukhi && place == addak) {
			continue
		}
		if open && !(indic && place >= firstSign && place <= virama) {
			b.WriteByte('a')
		}
		open = indic && (place >= firstConsonant && place <= lastConsonant || place >= firstOther && place <= lastOther)
		text := string(r)
		if r >= utf8.RuneSelf {
			text = unidecode.Unidecode(text)
		}
		switch {
		case indic && (place == virama || place == visarga), unicode.Is(unicode.M, r) && !indic:
			text = ""
		case indic && place == ca && script == tamil:
			text = "s"
		case indic && place == ca:
			text = "ch"
		case indic && place == cha:
			text = "chh"
		case indic && (place == nga || place == nya):
			text = "n"
		case indic && (place == vocalicR || place == signVocalicR):
			text = "ri"
		case indic && (text == "ee" || text == "oo"): // the long e and o of the south
			text = text[:1]
		case r == 'ی' && last != 0:
			text = "i"
		case r == 'و' && last == 0:
			text = "v"
		case r == 'ہ' && word[at:] == "ہ" && last != 0: // as in Fatima
			text = "a"
		}
		for i := range len(text) {
			if c := text[i]; c >= 'A' && c <= 'Z' {
				b.WriteByte(c - 'A' + 'a')
			} else if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' {
				b.WriteByte(c)
			}
		}
		last = r
	}
	if open && last >= firstSouthern { // the north leaves it out at the end
		b.WriteByte('a')
	}
	return b.String()
}

// The blocks of the Indic scripts have 128 characters each, and a letter has the same
// place in most of them (The Unicode Standard, 12.1).
const (
	firstIndic, firstSouthern, lastIndic   = 0x0900, 0x0b80, 0x0d7f
	gurmukhi, tamil                        = 0x0a00 >> 7, 0x0b80 >> 7
	visarga, vocalicR                      = 0x03, 0x0b
	nga, ca, cha, nya                      = 0x19, 0x1a, 0x1b, 0x1e
	firstConsonant, lastConsonant          = 0x15, 0x39
	firstOther, lastOther                  = 0x58, 0x5f
	nukta, firstSign, signVocalicR, virama = 0x3c, 0x3e, 0x43, 0x4d
	addak                                  = 0x71
)

// heard replaces letters that the library lacks or reads in another way than Indian
// languages.
var heard = strings.NewReplacer(
	"റ്റ", "ട്ട", "ற்ற", "ட்ர", "ൺ", "n", "ൻ", "n", "ർ", "r", "ൽ", "l", "ൾ", "l", "ൿ", "k", "ৎ", "t",
	"ا", "a", "آ", "a", "أ", "a", "إ", "i", "ع", "a", "ى", "a", "ے", "e", "ئ", "i", "ي", "ی",
	"ک", "k", "ك", "k", "ض", "z", "ظ", "z", "ذ", "z", "ة", "ہ", "ه", "ہ",
)
