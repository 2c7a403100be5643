package django

import (
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"caregraph/internal/scalar"
	"golang.org/x/text/unicode/norm"
)

// reader returns a value of the original as we store it. The error says what is
// wrong with it: unfit if we cannot store it at all, and else which rule of ours
// it breaks.
type reader func(v any) (any, error)

// unfit says why a value cannot be stored. It never contains the value.
type unfit string

// Error returns the reason.
func (u unfit) Error() string { return string(u) }

const (
	errType  unfit = "the value is not of the type that the original has."
	errUTF8  unfit = "the text is not valid UTF-8."
	errRange unfit = "the time is outside the years 1 to 9999."
	errNull  unfit = "there is no value, and one is required."
)

// unstorable tells whether what is wrong with a value is that it cannot be
// stored.
func unstorable(wrong error) bool {
	_, ok := errors.AsType[unfit](wrong)
	return ok
}

// value returns the value of the ith column of t as we store it, and what is
// wrong with it.
func (t *table) value(i int, v any) (any, error) {
	c := t.columns[i]
	if v != nil {
		return c.as(v)
	}
	if ours, _ := t.ours.Column(c.name); ours.Nullable || c.derived {
		return nil, nil
	}
	return nil, errNull
}

// text reads text, which stays as it is but for its form, Unicode's NFC. What check
// refuses with or without the space around it breaks a rule, and keeps its form.
func text(check func(string) error) reader {
	return func(v any) (any, error) {
		s, err := plain(v)
		if err != nil || check == nil {
			return s, err
		}
		if composed := norm.NFC.String(s); check(composed) == nil {
			s = composed
		}
		if err := check(s); err != nil {
			return s, err
		}
		return s, check(strings.TrimSpace(s))
	}
}

// username reads a user name, and puts it in the form NFKC.
func username(check func(string) error) reader {
	return func(v any) (any, error) {
		s, err := plain(v)
		if err != nil {
			return nil, err
		}
		return text(check)(scalar.NormalUsername(s))
	}
}

// clinicName reads the username that a clinic is named after.
func clinicName(v any) (any, error) {
	name, err := username(nil)(v)
	if s, ok := name.(string); ok {
		return scalar.ClinicName(s), err
	}
	return name, err
}

// email reads an e-mail address, and writes it as signing in compares it: in lower
// case, and in the form of a line. One that check refuses keeps its form.
func email(check func(string) error) reader {
	return func(v any) (any, error) {
		s, err := plain(v)
		if err != nil {
			return nil, err
		}
		s = scalar.NormalEmail(s)
		if line := scalar.OneLine(s); line != "" && check(line) == nil && check(s) == nil {
			s = line
		}
		return s, check(s)
	}
}

// phone reads a phone number, and writes it as it is searched. One that check refuses
// keeps its form.
func phone(check func(string) error) reader {
	return func(v any) (any, error) {
		s, err := plain(v)
		if err != nil {
			return nil, err
		}
		if normal := scalar.NormalPhone(scalar.OneLine(s)); check(normal) == nil {
			return normal, nil
		}
		return text(check)(s)
	}
}

// filled is read, where empty text means that there is no value.
func filled(read reader) reader {
	return func(v any) (any, error) {
		if s, err := plain(v); err == nil && s == "" {
			return nil, nil
		}
		return read(v)
	}
}

// key reads text in a form in which it is searched.
func key(of func(string) string) reader {
	return func(v any) (any, error) {
		s, err := plain(v)
		return of(s), err
	}
}

func plain(v any) (string, error) {
	if b, ok := v.([]byte); ok {
		v = string(b)
	}
	s, ok := v.(string)
	switch {
	case !ok:
		return "", errType
	case !utf8.ValidString(s):
		return "", errUTF8
	}
	return s, nil
}

// passwordHash tells whether the hash is of a form that signing in knows. One
// that begins with ! is none: the user has no password, as in the original.
func passwordHash(s string) error {
	for _, form := range []string{"pbkdf2_sha256$", "pbkdf2_sha1$", "!"} {
		if strings.HasPrefix(s, form) {
			return nil
		}
	}
	return scalar.Problem("the user cannot sign in: passwords are verified as pbkdf2_sha256 and pbkdf2_sha1 only.")
}

func integer(check func(int) error) reader {
	return func(v any) (any, error) {
		n, ok := v.(int64)
		switch {
		case !ok:
			return nil, errType
		case check == nil:
			return n, nil
		}
		return n, check(int(n))
	}
}

// rupees reads a decimal number as an exact number of paise.
func rupees(check func(int64) error) reader {
	return func(v any) (any, error) {
		s, err := plain(v)
		if err != nil {
			return nil, err
		}
		paise := scalar.ParseRupees(s)
		if err := paise.Check(); err != nil {
			return nil, unfit(err.Error())
		}
		return int64(paise), check(int64(paise))
	}
}

func birthDate(v any) (any, error) {
	s, err := plain(v)
	if err != nil {
		return nil, err
	}
	day := scalar.ParseDate(s)
	if err := day.Check(); err != nil {
		return nil, unfit(err.Error())
	}
	return day.String(), scalar.BirthDate(day)
}

func boolean(v any) (any, error) {
	if b, ok := v.(bool); ok {
		return b, nil
	}
	return nil, errType
}

// instant reads a time with the microseconds that all databases keep.
func instant(v any) (any, error) {
	at, ok := v.(time.Time)
	if !ok {
		return nil, errType // infinity is text
	}
	if at = at.UTC(); at.Year() < 1 || at.Year() > 9999 {
		return nil, errRange
	}
	return at, nil
}
