package capture

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Formats of Write.
const (
	Text = "text" // a transcript for people
	HAR  = "har"  // HTTP Archive 1.2, for browsers and other tools
)

// taken is a recording as it is written: it may go on meanwhile.
type taken struct {
	View
	sessions []session
	records  []record
}

// Write writes a capture in a format. What is recorded while it is being written
// is left out.
func (c *Captures) Write(w io.Writer, id, format string) error {
	c.mu.Lock()
	now := c.now()
	c.tidy(now)
	r := c.find(id)
	c.mu.Unlock()
	switch {
	case r == nil:
		return fmt.Errorf("capture %q: %w", id, ErrNotFound)
	case format == Text:
		return r.take(now).writeText(w)
	case format == HAR:
		return r.take(now).writeHAR(w)
	}
	return fmt.Errorf("capture %q: %w %q: want %q or %q", id, ErrFormat, format, Text, HAR)
}

// take returns what was recorded so far. Records are never changed.
func (r *recording) take(now time.Time) *taken {
	t := &taken{View: r.view(now)}
	r.mu.Lock()
	defer r.mu.Unlock()
	t.records = r.records[:len(r.records):len(r.records)]
	for _, s := range r.sessions {
		t.sessions = append(t.sessions, *s)
	}
	return t
}

const (
	stampDay  = "2006-01-02T15:04:05.000Z"
	stampTime = "15:04:05.000"
)

func (t *taken) writeText(w io.Writer) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "Capture of device %s, from %s to %s: %d sessions, %d messages", t.Device,
		t.Started.UTC().Format(stampDay), t.Ends.UTC().Format(stampDay), len(t.sessions), len(t.records))
	if t.Cut > 0 {
		fmt.Fprintf(b, ", %d found no room", t.Cut)
	}
	fmt.Fprint(b, "\nPasswords, keys, cookies and digest answers are masked. A body of one line is broken into several.\n")
	last := -1
	for i := range t.records {
		rec := &t.records[i]
		if rec.session != last {
			last = rec.session
			t.sessions[last].writeText(b, last+1)
		}
		rec.writeText(b)
	}
	for i := range t.sessions {
		if s := &t.sessions[i]; !s.ended.IsZero() {
			fmt.Fprintf(b, "\n=== session %d ended at %s: %s\n", i+1, s.ended.UTC().Format(stampDay), printable(s.outcome, false))
		}
	}
	return b.Flush()
}

func (s *session) writeText(b *bufio.Writer, n int) {
	fmt.Fprintf(b, "\n=== session %d, begun at %s\n", n, s.Started.UTC().Format(stampDay))
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(b, "    %-12s%s\n", name, printable(value, false))
		}
	}
	line("device", s.Device.String())
	line("listener", s.Listener)
	line("from", s.Remote.String())
	line("to", s.Local.String())
	if s.TLS == "" {
		line("tls", "none")
	} else {
		line("tls", s.TLS+", "+s.CipherSuite)
	}
	line("server name", s.ServerName)
	line("certificate", s.ClientCert)
	line("acs", s.ACS)
	line("rule", s.Rule)
	line("reason", s.Reason)
}

// directions are those of messages as people read them.
var directions = map[string]string{
	FromCPE: "CPE > gateway", ToACS: "gateway > ACS", FromACS: "ACS > gateway", ToCPE: "gateway > CPE",
}

func (r *record) writeText(b *bufio.Writer) {
	fmt.Fprintf(b, "\n--- %d.%d  %s  %s", r.session+1, r.Leg, r.At.UTC().Format(stampTime), directions[r.Direction])
	if r.ACS != "" {
		fmt.Fprintf(b, " (%s)", printable(r.ACS, false))
	}
	if r.Own {
		fmt.Fprint(b, ", by the gateway itself")
	}
	fmt.Fprintln(b)
	switch {
	case r.Error != "":
		fmt.Fprintf(b, "no answer: %s\n", printable(r.Error, false))
		return
	case r.Method != "":
		fmt.Fprintf(b, "%s %s\n", printable(r.Method, false), printable(r.Target, false))
	default:
		fmt.Fprintf(b, "%d %s\n", r.Status, printable(r.Reason, false))
	}
	for i := range r.Header {
		fmt.Fprintf(b, "%s: %s\n", printable(r.Header[i].Name, false), printable(r.Header[i].Value, false))
	}
	if r.body != "" {
		fmt.Fprintf(b, "\n%s\n", strings.TrimRight(printable(indent(r.body), true), "\n"))
	}
}

// printable writes characters that a terminal would obey, or that hide others, as
// escapes; line ends and tabs stay if lines says so.
func printable(text string, lines bool) string {
	var b strings.Builder
	for i := 0; i < len(text); {
		r, width := utf8.DecodeRuneInString(text[i:])
		switch {
		case lines && (r == '\n' || r == '\t' || r == '\r' && strings.HasPrefix(text[i:], "\r\n")):
			if r != '\r' {
				b.WriteRune(r)
			}
		case r == utf8.RuneError && width == 1:
			fmt.Fprintf(&b, `\x%02x`, text[i])
		case unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			quoted := strconv.QuoteRuneToASCII(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
		i += width
	}
	return b.String()
}
