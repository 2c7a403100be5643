package scalar

import (
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Keys is the version of what Fold and Sound return, which is stored beside names.
// Raise it with every change of the two, also by a new version of a library: the
// server then computes what is stored anew.
const Keys = 1

// Fold returns s in the form in which names are searched and ordered, the same on
// every database: without regard to case, width, composition, the accents of Latin,
// Greek and Cyrillic letters, apostrophes, hyphens, and characters that show nothing,
// with one blank between words. Marks of every other script stay, because there they
// are letters: a vowel sign tells Indic names apart.
func Fold(s string) string {
	s = strings.ReplaceAll(norm.NFC.String(s), "´", "")                             // which NFKD makes a blank
	s = norm.NFKD.String(strings.ToLower(cases.Fold().String(norm.NFKD.String(s)))) // Fold alone turns Cherokee over
	var b strings.Builder
	var base rune // the character that a mark belongs to
	for _, r := range s {
		switch {
		case unicode.IsSpace(r):
			r = ' '
			if base == ' ' || base == 0 {
				continue
			}
		case unicode.In(r, unicode.Cf, unicode.Pd, unicode.Variation_Selector), strings.ContainsRune(left, r):
			continue
		case unicode.Is(unicode.M, r):
			if unicode.In(base, unicode.Latin, unicode.Greek, unicode.Cyrillic) {
				continue
			}
			b.WriteRune(r)
			continue
		}
		base = r
		if plain, ok := undecomposed[r]; ok {
			b.WriteString(plain)
		} else {
			b.WriteRune(r)
		}
	}
	return norm.NFC.String(strings.TrimSuffix(b.String(), " "))
}

// left are the characters that Fold leaves out beside those of whole categories: what
// is typed as an apostrophe, the minus, and the combining grapheme joiner.
const left = "'`´‘’‛ʹʻʼʽˈ′‵\u2212\u034f"

// undecomposed are the letters, in lower case, that Unicode does not decompose into a
// plain one and an accent.
var undecomposed = map[rune]string{'ł': "l", 'ø': "o", 'đ': "d", 'ð': "d", 'ħ': "h", 'ı': "i", 'æ': "ae", 'œ': "oe", 'þ': "th"}
