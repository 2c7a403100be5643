package scalar

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// Rupees is an amount of Indian rupees in paise. One that was malformed where
// it came in is kept, so that it is reported together with the other invalid
// fields of the input: Check tells.
type Rupees int64

// Amounts that are none.
const (
	notANumber      Rupees = math.MinInt64
	tooManyDecimals Rupees = math.MinInt64 + 1
)

// MaxRupees is the largest amount that is read, far above every fee.
const MaxRupees Rupees = 1e15

// ParseRupees returns the amount written as a decimal number such as "1500",
// "1500.5" or "1500.00" in the digits of any script; Check fails on the result if s
// is anything else.
func ParseRupees(s string) Rupees {
	s = Digits(strings.TrimSpace(s))
	if f, err := strconv.ParseFloat(s, 64); err == nil && strings.ContainsAny(s, "eE") && !strings.ContainsAny(s, "xX") && math.Abs(f) < 1e13 {
		s = strconv.FormatFloat(f, 'f', -1, 64)
	}
	whole, negative := strings.CutPrefix(s, "-")
	whole, decimals, _ := strings.Cut(whole, ".")
	if len(whole) > 13 || whole+decimals == "" || strings.Trim(whole+decimals, "0123456789") != "" {
		return notANumber
	}
	decimals = strings.TrimRight(decimals, "0")
	if len(decimals) > 2 {
		return tooManyDecimals
	}
	paise, err := strconv.ParseInt(whole+(decimals + "00")[:2], 10, 64)
	if err != nil || paise > int64(MaxRupees) {
		return notANumber
	}
	if negative {
		paise = -paise
	}
	return Rupees(paise)
}

// Check fails if the amount was malformed.
func (r Rupees) Check() error {
	switch r {
	case notANumber:
		return Problem("A valid number is required.")
	case tooManyDecimals:
		return Problem("Ensure that there are no more than 2 decimal places.")
	}
	return nil
}

// Fee checks a consultation fee: 0.00 to 100000.00.
func Fee(r Rupees) error {
	switch {
	case r.Check() != nil:
		return r.Check()
	case r < 0:
		return Problem("Consultation fee cannot be negative.")
	case r > 100_000_00:
		return Problem("Consultation fee seems unrealistic.")
	}
	return nil
}

// Experience checks the years of a doctor's experience: 0 to 70.
func Experience(years int) error {
	switch {
	case years < 0:
		return Problem("Experience years cannot be negative.")
	case years > 70:
		return Problem("Experience years seems unrealistic.")
	}
	return nil
}

// String returns the amount in rupees with two decimals, such as "1500.00".
func (r Rupees) String() string {
	sign := ""
	if r < 0 {
		sign, r = "-", -r
	}
	return fmt.Sprintf("%s%d.%02d", sign, r/100, r%100)
}

// AppendJSON appends the amount as the GraphQL scalar Rupees.
func (r Rupees) AppendJSON(b []byte) []byte {
	b = append(b, '"')
	if r < 0 {
		b, r = append(b, '-'), -r
	}
	b = strconv.AppendInt(b, int64(r/100), 10)
	return append(b, '.', byte('0'+r%100/10), byte('0'+r%10), '"')
}

// UnmarshalGQL reads the GraphQL scalar Rupees, a string or a number.
func (r *Rupees) UnmarshalGQL(v any) error {
	*r = notANumber
	switch v := v.(type) {
	case string:
		*r = ParseRupees(v)
	case json.Number:
		*r = ParseRupees(v.String())
	case int64:
		*r = ParseRupees(strconv.FormatInt(v, 10))
	case float64:
		*r = ParseRupees(strconv.FormatFloat(v, 'f', -1, 64))
	}
	return nil
}

// MarshalGQL writes the GraphQL scalar Rupees.
func (r Rupees) MarshalGQL(w io.Writer) { fmt.Fprintf(w, "%q", r.String()) }
