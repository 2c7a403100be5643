package harness

import (
	"fmt"
	"strings"
	"testing"
)

// Grow adds patients until there are n, each with two of ten doctors.
func (a *API) Grow(t testing.TB, owner Caller, from, n int) {
	t.Helper()
	for i := from; i < n; i += 10 {
		var document strings.Builder
		document.WriteString("mutation {")
		for j := i; j < i+10; j++ {
			fmt.Fprintf(&document, `p%d: createPatient(input: {name: "Patient %d", email: "p%d@example.com", phone: "9876543210", dateOfBirth: "1990-05-15", address: "Pune", gender: FEMALE}) { id }`, j, j, j)
			fmt.Fprintf(&document, `a%d: assignDoctor(input: {patientId: %d, doctorId: %d}) { id }`, j, j+1, j%10+1)
			fmt.Fprintf(&document, `b%d: assignDoctor(input: {patientId: %d, doctorId: %d}) { id }`, j, j+1, (j+3)%10+1)
		}
		document.WriteString("}")
		if reply := a.Query(t, owner, document.String(), nil); strings.Contains(reply, `"errors"`) {
			t.Fatal(reply)
		}
	}
}
