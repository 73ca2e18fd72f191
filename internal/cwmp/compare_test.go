package cwmp

import (
	"bytes"
	"cmp"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

// testPaths are the elements that tests ask for.
var testPaths = []string{"URL", "FaultStruct/FaultCode", "DeviceId/OUI", "ParameterList/ParameterValueStruct/Name"}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

// compareWithXML scans body and demands what encoding/xml finds in it. It
// reports false when the oracle has no say: body is not well-formed UTF-8 XML.
func compareWithXML(t *testing.T, body []byte, opts Options) bool {
	t.Helper()
	roots, err := parseTree(body)
	if errors.Is(err, errDirective) {
		if _, err := Scan(body, opts); err == nil && directiveComesFirst(body) {
			t.Errorf("a body with a directive was read")
		}
		return false
	}
	if cs, csErr := detectCharset(body, opts.Charset); err != nil || csErr != nil || cs != charsetUTF8 {
		return false
	}
	want := judge(roots, opts)
	got, err := ScanAll(body, opts)
	if errors.Is(err, ErrDepth) || errors.Is(err, ErrTooLong) || errors.Is(err, ErrEnvelopes) {
		return false
	}
	switch {
	case len(want.messages) == 0 && len(bytes.Trim(bytes.TrimPrefix(body, []byte("\uFEFF")), blanks)) == 0:
		if err != nil || len(got) != 1 || got[0].Kind != Empty {
			t.Errorf("empty body: %v %v", got, err)
		}
		return true
	case len(want.messages) == 0:
		if !errors.Is(err, ErrNotSOAP) {
			t.Errorf("error %v, want %v", err, ErrNotSOAP)
		}
		return true
	case err != nil && !errors.Is(err, ErrAmbiguous):
		t.Errorf("encoding/xml reads it, Scan says %v", err)
		return true
	case err != nil && (len(got) >= len(want.identity) || want.identity[len(got)] == oneDevice):
		t.Errorf("envelope %d has one identity, Scan says %v", len(got), err)
		return true
	case err == nil && len(got) != len(want.messages):
		t.Errorf("%d envelopes, want %d", len(got), len(want.messages))
		return true
	}
	for i := range got {
		if want.identity[i] == twoDevices {
			t.Errorf("envelope %d was read despite its two identities", i)
		}
		g, w := bare(got[i]), want.messages[i]
		if want.unsure {
			g.Dialect, w.Dialect = Dialect{}, Dialect{}
		}
		if len(body) > maxIdentifier { // the text may have been cut
			g.FaultString, w.FaultString = "", ""
		}
		if diff := gocmp.Diff(w, g); diff != "" {
			t.Errorf("envelope %d (-encoding/xml +Scan):\n%s", i, diff)
		}
	}
	return true
}

// directiveComesFirst reports whether a directive stands before the first
// envelope ends, outside of comments and the like.
func directiveComesFirst(body []byte) bool {
	directive, end := bytes.Index(body, []byte("<!D")), bytes.Index(body, []byte("Envelope>"))
	hidden := bytes.Contains(body, []byte("<!--")) || bytes.Contains(body, []byte("<![CDATA[")) || bytes.Contains(body, []byte("<?"))
	return directive >= 0 && !hidden && (end < 0 || directive < end)
}

// checkRewrite replaces all parameters and elements of the first envelope of
// body by text, one at a time and all at once.
func checkRewrite(t *testing.T, body []byte, charset, text string) {
	t.Helper()
	opts := Options{Params: everything, Elements: testPaths, Charset: charset}
	before, err := Scan(body, opts)
	if err != nil {
		return
	}
	if same, err := Rewrite(body, charset, nil); err != nil || !bytes.Equal(same, body) {
		t.Fatalf("rewrite without edits: %v", err)
	}
	for i, p := range before.Params {
		out := rewriteOne(t, body, charset, Edit{p.At, text})
		after, err := Scan(out, opts)
		if err != nil {
			t.Fatalf("after the edit of %s at %v: %v", p.Name, p.At, err)
		}
		if len(after.Params) != len(before.Params) {
			t.Fatalf("after the edit of %s: %d parameters, before %d", p.Name, len(after.Params), len(before.Params))
		}
		if got, want := after.Params[i].Value, strings.Trim(text, blanks); got != want {
			t.Fatalf("after the edit of %s: value %q, want %q", p.Name, got, want)
		}
		after.Params[i] = p
		if diff := gocmp.Diff(bare(before).Params, bare(after).Params); diff != "" {
			t.Fatalf("after the edit of %s others differ:\n%s", p.Name, diff)
		}
	}
	rewriteAll(t, body, charset, before, text)
}

// rewriteOne makes one edit and checks the bytes around it.
func rewriteOne(t *testing.T, body []byte, charset string, e Edit) []byte {
	t.Helper()
	out, err := Rewrite(body, charset, []Edit{e})
	if err != nil {
		t.Fatalf("edit at %v: %v", e.At, err)
	}
	tail := body[e.At.End:]
	if e.At.Start == e.At.End && (bytes.HasPrefix(tail, []byte("/>")) || bytes.HasPrefix(tail, []byte("/\x00>")) || bytes.HasPrefix(tail, []byte("\x00/\x00>"))) && len(out) > len(body) {
		tail = tail[bytes.IndexByte(tail, '>')+1:] // the element was opened
	}
	if !bytes.HasPrefix(out, body[:e.At.Start]) || !bytes.HasSuffix(out, tail) {
		t.Fatalf("edit at %v changed bytes outside:\n%q\n%q", e.At, body, out)
	}
	return out
}

func rewriteAll(t *testing.T, body []byte, charset string, before Message, text string) {
	t.Helper()
	var edits []Edit
	for _, p := range before.Params {
		edits = append(edits, Edit{p.At, text})
	}
	slices.Reverse(edits)
	out, err := Rewrite(body, charset, edits)
	if err != nil {
		t.Fatalf("all edits: %v", err)
	}
	after, err := Scan(out, Options{Params: everything, Charset: charset})
	if err != nil || len(after.Params) != len(before.Params) {
		t.Fatalf("after all edits: %d parameters of %d, %v", len(after.Params), len(before.Params), err)
	}
	for _, p := range after.Params {
		if p.Value != strings.Trim(text, blanks) {
			t.Fatalf("after all edits: %s = %q, want %q", p.Name, p.Value, text)
		}
	}
}
