package scalar

import (
	"regexp"
	"strings"
	"unicode"

	"github.com/nyaruka/phonenumbers"
)

// least is how many digits of a phone number find it.
const least = 4

// home is the country of a phone number that is written without a country code.
const home = "IN"

// Problems of phone numbers. The first is that of the documented REST API; it has the
// form of most numbers, though others are taken, too.
const (
	badPhone Problem = "Enter a valid 10-digit phone number."
	onePhone Problem = "Enter one phone number, without an extension. A second one fits in the emergency contact of a patient, or in the address of a doctor."
)

var (
	// written matches a phone number with what people write into it.
	written = regexp.MustCompile(`^(?:tel: *)?[0-9+(][0-9 +().-]*$`)

	// several matches two phone numbers, or one with an extension.
	several = regexp.MustCompile(`^(?:tel: *)?[0-9+(][0-9 +().-]{5,}(?:[/,;&|]|or |ext|x|#|[0-9] +[0-9+(][0-9 -]{9})[a-z.:=]*[0-9 +().-]*$`)

	// codeBehindZero matches an Indian number behind 0 and the country code, which the
	// library takes for a long number that may be possible.
	codeBehindZero = regexp.MustCompile(`^0+91([0-9]{10})$`)
)

// plainPhone returns a phone number as typed in the characters of ASCII.
func plainPhone(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case unicode.Is(unicode.Cf, r):
			return -1
		case unicode.Is(unicode.Zs, r):
			return ' '
		case unicode.Is(unicode.Pd, r), r == '\u2212':
			return '-'
		case r == '＋':
			return '+'
		}
		return unicode.ToLower(r)
	}, Digits(s)))
}

// NormalPhone returns a phone number, written in the digits of any script and as
// people write it, in the form in which it is stored: the national number if it is
// Indian, such as 9876543210, and that of E.164 if it is not, such as +9779841234567.
// Without + or 00 it is Indian. Anything else is returned as it is.
func NormalPhone(s string) string {
	if number, ok := phone(s); ok {
		return number
	}
	return s
}

// Phone checks a normalised phone number: one that the numbering plan of its country
// has or, because plans change faster than what is known of them, one of ten digits.
func Phone(s string) error {
	if s == "" {
		return Blank
	}
	if number, ok := phone(s); ok && number == s {
		return nil
	}
	if several.MatchString(plainPhone(s)) {
		return onePhone
	}
	return badPhone
}

// PartOfPhone returns the digits to look for among stored phone numbers: those of a
// number in any form, or of a part of one that has four digits or more and may begin
// with 0 or a country code. It is empty if s is neither.
func PartOfPhone(s string) string {
	if number, ok := phone(s); ok {
		return number
	}
	if s = plainPhone(s); !written.MatchString(s) {
		return ""
	}
	digits := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, s)
	if len(digits) < least {
		return ""
	}
	rest := digits // without what stands before the number
	switch begun, abroad := strings.CutPrefix(digits, "00"); {
	case strings.HasPrefix(s, "+"), abroad && len(digits) >= len("00")+len("91")+least:
		rest = strings.TrimPrefix(begun, "91")
	case len(digits) > least+1:
		rest = strings.TrimPrefix(digits, "0")
	}
	if len(rest) < least {
		return digits
	}
	return rest
}

// phone returns a phone number in the form in which it is stored, and whether s is one.
func phone(s string) (string, bool) {
	if len(s) > 200 {
		return "", false
	}
	if len(s) == 10 && s[0] >= '1' && s[0] <= '9' && strings.Trim(s, "0123456789") == "" { // most are stored so already, and possible
		return s, strings.Trim(s, s[:1]) != ""
	}
	s = plainPhone(s)
	if !written.MatchString(s) {
		return "", false
	}
	bare := strings.Map(func(r rune) rune {
		if strings.ContainsRune("+0123456789", r) {
			return r
		}
		return -1
	}, s)
	if indian := codeBehindZero.FindStringSubmatch(bare); indian != nil {
		bare = "+91" + indian[1]
	}
	parsed, err := phonenumbers.Parse(bare, home)
	if err != nil {
		return "", false
	}
	national := phonenumbers.GetNationalSignificantNumber(parsed)
	possible := len(national) == 10 && phonenumbers.IsPossibleNumber(parsed)
	if !possible && !phonenumbers.IsValidNumber(parsed) || strings.Trim(national, national[:1]) == "" {
		return "", false
	}
	if parsed.GetCountryCode() == 91 {
		return national, national[0] != '0'
	}
	number := phonenumbers.Format(parsed, phonenumbers.E164)
	again, err := phonenumbers.Parse(number, home) // a zero in front is no part of some
	return number, err == nil && phonenumbers.Format(again, phonenumbers.E164) == number
}
