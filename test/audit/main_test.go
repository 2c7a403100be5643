// Package audit_test tests what makes records trusted: what was before a change, and that
// no change is lost.
package audit_test

import (
	"testing"

	"caregraph/internal/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }
