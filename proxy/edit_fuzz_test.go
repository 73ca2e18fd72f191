package proxy

import (
	"bytes"
	"slices"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/httpwire"
)

// FuzzPresent edits whatever a CPE may send. Read again, the result tells what is
// shown, and nothing else has changed: all other parameters have their values, and
// the bytes around the values are the same.
func FuzzPresent(f *testing.F) {
	for _, seed := range []string{
		inform("1"), informWith(ownParams(igd)...), valuesWith(ownParams(dev2)...) + informWith(ownParams(igd)...), utf16Text("\uFEFF"+informWith(ownParams(igd)...), true),
		informWith(param(dev2+"ManagementServer.ConnectionRequestURL", "<![CDATA[a]]>&amp;<b/>")), "<?xml version='1.0' encoding='iso-8859-1'?>" + informWith(ownParams(igd)...),
		informWith("<ParameterValueStruct><Name>Device.ManagementServer.ConnectionRequestURL</Name><Value a=b//></ParameterValueStruct>"),
	} {
		f.Add([]byte(seed), "http://gate/a?b&c", "gate:1", "text/xml; charset=utf-8")
	}
	m, err := newMetrics(prometheus.NewRegistry())
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte, url, udp, contentType string) {
		s := &Server{log: zap.NewNop(), metrics: m}
		s.deps.Shown = func(cwmp.DeviceID, Reported) Shown { return Shown{url, udp} }
		s.memory.limit.Store(1 << 20)
		r := &request{body: slices.Clone(body), loan: loan{from: &s.memory}}
		r.head.Fields = httpwire.Fields{{Name: "Content-Type", Value: contentType}}
		if r.inspect(1<<20) != nil {
			return
		}
		params := r.params
		s.present(&session{known: true, inform: r.inform}, r)
		if !r.edited {
			if r.body != nil && !bytes.Equal(r.body, body) {
				t.Errorf("changed without an edit: %q becomes %q", body, r.body)
			}
			return
		}
		again := &request{body: r.body, loan: r.loan}
		again.head = r.head
		if err := again.inspect(1 << 21); err != nil || len(again.params) != len(params) {
			t.Fatalf("%q becomes %q: %v", body, r.body, err)
		}
		was, is := 0, 0
		for i := range params {
			before, after := params[i], again.params[i]
			if before.Name != after.Name {
				t.Fatalf("%q becomes %q", before.Name, after.Name)
			}
			want := before.Value
			switch managed(before.Name) {
			case paramURL:
				want = orText(url, want)
			case paramUDPAddress:
				want = orText(udp, want)
			}
			if trimXML(after.Value) != trimXML(want) {
				t.Errorf("%s is %q, want %q", before.Name, after.Value, want)
			}
			if before.Value == after.Value {
				continue
			}
			if !emptied(body, before.At) && !emptied(r.body, after.At) {
				if before.At.Start < was || !bytes.Equal(body[was:before.At.Start], r.body[is:after.At.Start]) {
					t.Fatalf("%q becomes %q before %d", body, r.body, before.At.Start)
				}
				was, is = before.At.End, after.At.End
			} else {
				return // an element written as <a/> was opened: its tag has changed
			}
		}
		if !bytes.Equal(body[was:], r.body[is:]) {
			t.Errorf("%q becomes %q after %d", body, r.body, was)
		}
	})
}

func orText(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// trimXML is what Scan does to the ends of a value and to its line ends.
func trimXML(s string) string {
	return string(bytes.Trim([]byte(s), " \t\r\n"))
}

// emptied tells the span of an element that is written as <a/>.
func emptied(body []byte, at cwmp.Span) bool { return at.Start == at.End }
