package rule

import (
	"context"
	"slices"

	baseent "entgo.io/ent"

	"caregraph/internal/bus"
)

// Touches returns the hook that tells the bus of a mutation that sets or clears one of the
// fields, or deletes: what tokens stand for may change by it.
func Touches(fields ...string) baseent.Hook {
	return func(next baseent.Mutator) baseent.Mutator {
		return baseent.MutateFunc(func(ctx context.Context, m baseent.Mutation) (baseent.Value, error) {
			if m.Op().Is(baseent.OpDelete|baseent.OpDeleteOne) || slices.ContainsFunc(slices.Concat(m.Fields(), m.ClearedFields()), func(f string) bool { return slices.Contains(fields, f) }) {
				bus.Touch(ctx)
			}
			return next.Mutate(ctx, m)
		})
	}
}
