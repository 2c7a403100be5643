// Package scalar holds the small values that records are made of: how a phone
// number, an e-mail address or a license number is normalised, what a date and
// an amount of rupees look like outside, and what each may contain.
//
// A check returns a Problem with a text for the person who typed the value; the
// texts are those of the documented REST API, and GraphQL shows the same ones.
package scalar

import (
	"fmt"
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Problem says what is wrong with a value. It never contains the value.
type Problem string

// Error returns the text as it is shown to the caller.
func (p Problem) Error() string { return string(p) }

// Problems that more than one value has.
const (
	Required Problem = "This field is required."
	Blank    Problem = "This field may not be blank."
	Null     Problem = "This field may not be null."
)

// OneLine returns s as a text of one line is stored: as Lines does, and without the
// characters that show nothing, such as zero-width spaces and marks that change the
// direction of writing. Of those it keeps the joiners U+200C and U+200D, which tell
// forms of Indic letters apart; a text of joiners alone is empty.
func OneLine(s string) string {
	if !utf8.ValidString(s) {
		return s // which every check refuses
	}
	s = Lines(strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cf, r) && r != joiner && r != nonJoiner && !unicode.Is(unicode.Prepended_Concatenation_Mark, r) {
			return -1
		}
		return r
	}, s))
	if strings.Trim(s, string([]rune{joiner, nonJoiner})) == "" {
		return ""
	}
	return s
}

// The format characters that a text of one line may have (The Unicode Standard, 23.2).
const (
	nonJoiner = '\u200c'
	joiner    = '\u200d'
)

// Lines returns s as a text that may have several lines is stored: composed, which
// is Unicode's form NFC, and without white space at its ends.
func Lines(s string) string {
	if !utf8.ValidString(s) {
		return s // which every check refuses
	}
	return norm.NFC.String(strings.TrimSpace(s))
}

// Digits returns s with the decimal digits of every script as 0 to 9.
func Digits(s string) string {
	return strings.Map(func(r rune) rune {
		if r < utf8.RuneSelf || !unicode.Is(unicode.Nd, r) {
			return r
		}
		value := 0 // Unicode has the ten digits of a script in a row, the zero first
		for unicode.Is(unicode.Nd, r-rune(value)-1) {
			value++
		}
		return '0' + rune(value%10)
	}, s)
}

// Text returns a check for text of at most limit characters, which may have several
// lines. Empty text passes.
func Text(limit int) func(string) error {
	tooLong := Problem(fmt.Sprintf("Ensure this field has no more than %d characters.", limit))
	return func(s string) error {
		switch {
		case !utf8.ValidString(s):
			return Problem("Not a valid string.")
		case strings.ContainsRune(s, 0):
			return Problem("Null characters are not allowed.")
		case utf8.RuneCountInString(s) > limit:
			return tooLong
		}
		return nil
	}
}

// Filled returns a check for text of 1 to limit characters, which may have several
// lines.
func Filled(limit int) func(string) error {
	text := Text(limit)
	return func(s string) error {
		if s == "" {
			return Blank
		}
		return text(s)
	}
}

// Line returns a check for text of at most limit characters in one line. Empty text
// passes.
func Line(limit int) func(string) error {
	text := Text(limit)
	return func(s string) error {
		if err := text(s); err != nil {
			return err
		}
		if strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' }) {
			return Problem("Line breaks and control characters are not allowed.")
		}
		return nil
	}
}

// FilledLine returns a check for text of 1 to limit characters in one line.
func FilledLine(limit int) func(string) error {
	line := Line(limit)
	return func(s string) error {
		if s == "" {
			return Blank
		}
		return line(s)
	}
}

// FreeText is the most characters in an address, a note or a history.
const FreeText = 20_000

// NormalEmail returns s in lower case.
func NormalEmail(s string) string { return strings.ToLower(s) }

// Email checks an e-mail address: at most 254 characters (RFC 5321), one
// address without a display name, with a dot in its domain.
func Email(s string) error {
	if err := FilledLine(254)(s); err != nil {
		return err
	}
	parsed, err := mail.ParseAddress(s)
	if err != nil || parsed.Address != s || strings.ContainsFunc(s, unicode.IsSpace) {
		return Problem("Enter a valid email address.")
	}
	_, domain, _ := strings.Cut(s, "@")
	if !strings.Contains(strings.Trim(domain, "."), ".") || strings.ContainsAny(domain, "[]@_") {
		return Problem("Enter a valid email address.")
	}
	return nil
}

// NormalLicense returns a license number in upper case.
func NormalLicense(s string) string { return strings.ToUpper(s) }

// License checks a normalised license number: 3 to 50 letters, digits, dashes,
// slashes and spaces, at least one of them a digit.
func License(s string) error {
	if err := FilledLine(50)(s); err != nil {
		return err
	}
	digit := false
	for _, r := range s {
		switch {
		case r >= '0' && r <= '9':
			digit = true
		case r >= 'A' && r <= 'Z', r == '-', r == '/', r == ' ':
		default:
			return Problem("A license number has letters, digits, dashes, slashes and spaces only.")
		}
	}
	if !digit || len(s) < 3 {
		return Problem("A license number has at least 3 characters and a digit.")
	}
	return nil
}

// NormalUsername returns a user name in the form NFKC, so that no two look alike and
// differ in the width of a letter or by a ligature.
func NormalUsername(s string) string { return norm.NFKC.String(s) }

// Username checks a normalised user name: 1 to 150 letters, digits and @/./+/-/_ only.
func Username(s string) error {
	if err := FilledLine(150)(s); err != nil {
		return err
	}
	for _, r := range s {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) && !strings.ContainsRune("@.+-_", r) {
			return Problem("Enter a valid username. This value may contain only letters, numbers, and @/./+/-/_ characters.")
		}
	}
	return nil
}

// MaxClinicName is how many characters the name of a clinic may have.
const MaxClinicName = 100

// ClinicName returns the name of the clinic in which a user begins: the username, as far
// as it fits.
func ClinicName(username string) string {
	name := []rune(username)
	return string(name[:min(len(name), MaxClinicName)])
}

// Invalid lists every invalid field of an input.
type Invalid []Field

// Field is an invalid field, by the name of its column, and what is wrong.
type Field struct {
	Name string
	Err  error
}

// Error names the fields, never their values.
func (i Invalid) Error() string {
	names := make([]string, len(i))
	for n, f := range i {
		names[n] = f.Name
	}
	return "invalid " + strings.Join(names, ", ")
}
