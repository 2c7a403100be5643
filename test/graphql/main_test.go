package graphql_test

import (
	"testing"

	"caregraph/internal/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }
