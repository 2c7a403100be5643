package main

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// report prints the figures as they come in.
type report struct{ w *tabwriter.Writer }

func newReport(w io.Writer) *report {
	r := &report{tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)}
	fmt.Fprintln(r.w, "operation\ttarget\trequests/s\tp50 ms\tp99 ms\tserver CPU ms\tPostgreSQL CPU ms\tsum\tallocations\tsum to hand\tto open\tto sql\t")
	return r
}

// add prints the figures of one operation, with the ratio of the CPU time to
// that of the floors.
func (r *report) add(results []result) {
	for _, t := range results {
		fmt.Fprintf(r.w, "%s\t%s\t%.0f\t%.2f\t%.2f\t%.3f\t%.3f\t%.3f\t%.0f\t", t.Operation, t.Target, t.Rate, t.Median, t.Slow, t.Server, t.Postgres, t.cpu(), t.Allocs)
		for _, floor := range []string{"hand", "open", "sql"} {
			if ratio := t.ratios[floor]; ratio > 0 && floor != t.Target {
				fmt.Fprintf(r.w, "%.2f", ratio)
			}
			fmt.Fprint(r.w, "\t")
		}
		fmt.Fprintln(r.w)
	}
	r.w.Flush()
}
