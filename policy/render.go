package policy

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
)

// WriteExplanation writes Explain as lines of text: the session, then one line
// for each step. The error is that of w.
func (p *Policy) WriteExplanation(w io.Writer, in Input, s *Snapshot) error {
	if _, err := fmt.Fprintf(w, "%s\n\n", in.describe()); err != nil {
		return err
	}
	columns := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, step := range p.Explain(in, s) {
		line := strings.Join([]string{string(step.Kind), visible(step.Name), step.Result, step.Detail}, "\t")
		if _, err := fmt.Fprintln(columns, strings.TrimRight(line, "\t")); err != nil {
			return err
		}
	}
	return columns.Flush()
}

// describe says in one line what is known of the session.
func (in Input) describe() string {
	in.normalise()
	parts := []string{"a session without a readable Inform"}
	if in.Known {
		parts[0] = "device " + in.Device.String()
	}
	for _, more := range []struct{ name, value string }{
		{"manufacturer", in.Device.Manufacturer}, {"software", in.SoftwareVersion},
		{"from", in.source()}, {"listener", in.Listener}, {"path", in.Path},
		{"assigned to", in.Assigned}, {"last at", in.Current}, {"moved to", in.Moved},
	} {
		if more.value != "" {
			parts = append(parts, more.name+" "+visible(more.value))
		}
	}
	return strings.Join(parts, ", ")
}

// visible quotes a text that would spoil a line or a terminal: a CPE may send
// anything as its manufacturer.
func visible(s string) string {
	if printable(s) {
		return s
	}
	return strconv.Quote(s)
}
