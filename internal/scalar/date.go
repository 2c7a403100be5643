package scalar

import (
	"database/sql/driver"
	"fmt"
	"io"
	"strings"
	"time"
)

// Date is a calendar date without zone. One that was malformed where it came
// in is kept, so that it is reported together with the other invalid fields of
// the input: Check tells, and the database driver refuses it.
type Date struct {
	day time.Time // midnight UTC; zero if malformed
}

const badDate = Problem("Date has wrong format. Use one of these formats instead: YYYY-MM-DD.")

// DateOf returns the calendar date of t in UTC.
func DateOf(t time.Time) Date {
	return NewDate(t.UTC().Date())
}

// NewDate returns a date of the calendar.
func NewDate(year int, month time.Month, day int) Date {
	return Date{time.Date(year, month, day, 0, 0, 0, 0, time.UTC)}
}

// ParseDate returns the date written as YYYY-MM-DD in the digits of any script; the
// month and the day may have one digit. Check fails on the result if s is anything
// else or no date of the calendar.
func ParseDate(s string) Date {
	day, err := time.Parse("2006-1-2", Digits(strings.TrimSpace(s)))
	if err != nil {
		return Date{}
	}
	return Date{day}
}

// Check fails if the date was malformed.
func (d Date) Check() error {
	if d.day.IsZero() {
		return badDate
	}
	return nil
}

// String returns the date as YYYY-MM-DD.
func (d Date) String() string { return d.day.Format(time.DateOnly) }

// AppendJSON appends the date as the GraphQL scalar Date.
func (d Date) AppendJSON(b []byte) []byte {
	return append(d.day.AppendFormat(append(b, '"'), time.DateOnly), '"')
}

// BirthDate checks a date of birth: not after today in India, not before 1880.
func BirthDate(d Date) error {
	switch {
	case d.Check() != nil:
		return badDate
	case d.day.After(DateOf(time.Now().Add(ist)).day):
		return Problem("Date of birth cannot be in the future.")
	case d.day.Year() < 1880:
		return Problem("Date of birth cannot be before 1880.")
	}
	return nil
}

// Age returns the completed years on the day of now in India, and 0 for a date
// in the future.
func (d Date) Age(now time.Time) int {
	now = now.UTC().Add(ist)
	years := now.Year() - d.day.Year()
	if now.Month() < d.day.Month() || now.Month() == d.day.Month() && now.Day() < d.day.Day() {
		years--
	}
	return max(years, 0)
}

// Year returns the year of the date.
func (d Date) Year() int { return d.day.Year() }

// BirthYear returns the year in which somebody was born who is so many years old on
// the day of now in India, or nearly: it may be the one before.
func BirthYear(now time.Time, age int) int { return now.Add(ist).UTC().Year() - age }

// ist is the offset of Indian Standard Time, in which "today" is meant.
const ist = 5*time.Hour + 30*time.Minute

// Value returns the date for a database column.
func (d Date) Value() (driver.Value, error) {
	if err := d.Check(); err != nil {
		return nil, err
	}
	return d.String(), nil
}

// Scan reads a database column.
func (d *Date) Scan(src any) error {
	switch v := src.(type) {
	case time.Time:
		*d = DateOf(v)
	case string:
		*d = ParseDate(v[:min(len(v), len(time.DateOnly))])
	default:
		return fmt.Errorf("date: unexpected type %T", src)
	}
	return d.Check()
}

// UnmarshalGQL reads the GraphQL scalar Date.
func (d *Date) UnmarshalGQL(v any) error {
	s, _ := v.(string)
	*d = ParseDate(s)
	return nil
}

// MarshalGQL writes the GraphQL scalar Date.
func (d Date) MarshalGQL(w io.Writer) { fmt.Fprintf(w, "%q", d.String()) }
