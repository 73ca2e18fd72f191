package proxy

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/httpwire"
)

// understood is what a message asks of a CPE, as far as it can be read.
type understood struct {
	kind   cwmp.Kind
	method string
	id     string
	values []string // all parameters as "name\x00value"
}

// understand reads every envelope. Values of ManagementServer.URL that url maps are
// mapped, and one that it refuses takes its request away.
func understand(body []byte, hint string, url func(string) (string, bool)) (all []understood, whole bool) {
	list, err := cwmp.ScanAll(body, cwmp.Options{Params: func([]byte) bool { return true }, Charset: hint})
	for i := range list {
		m := &list[i]
		one, ok := understood{kind: m.Kind, method: m.Method, id: m.ID}, true
		for _, p := range m.Params {
			value := p.Value
			if m.Method == cwmp.MethodSetParameterValues && isManagementURL([]byte(p.Name)) {
				mapped, passes := url(value)
				value, ok = mapped, ok && passes
			}
			one.values = append(one.values, p.Name+"\x00"+trimXML(value))
		}
		if !ok {
			one.method, one.values = "refused", nil
		}
		all = append(all, one)
	}
	return all, err == nil
}

// FuzzGuard judges whatever an ACS may say. Read again, what the CPE gets sets
// nothing that is refused, sets what replaces the rest, and is otherwise what the
// ACS said; where the CPE gets nothing, each request of the ACS has its fault.
func FuzzGuard(f *testing.F) {
	done := string(cwmp.TransferCompleteResponse(cwmp.DefaultDialect, "t"))
	swap := setWith(param(igd+"ManagementServer.URL", "swap me"), param("Device.X", "&lt;1"))
	for _, seed := range []string{
		swap, evil("1"), swap + evil("2"), evil("1") + done + swap, utf16Text("\uFEFF"+swap, true), utf16Text(evil("1")+done, false), "<html/>",
		"<?xml version='1.0' encoding='iso-8859-1'?>" + evil("1") + done, setWith(param(dev2+"ManagementServer.URL", "<![CDATA[swap]]>&amp;<b/>")),
		setWith("<ParameterValueStruct><Name>Device.ManagementServer.URL</Name><Value a=b//></ParameterValueStruct>"), done + "\x00\x00",
	} {
		f.Add([]byte(seed), "http://gate/a?b&c", "text/xml; charset=utf-8")
	}
	m, err := newMetrics(prometheus.NewRegistry())
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte, gate, contentType string) {
		rule := func(url string) (string, bool) {
			switch {
			case strings.Contains(url, "elsewhere"):
				return "", false
			case strings.Contains(url, "swap") || url == "":
				return gate, true
			}
			return url, true
		}
		s := &Server{log: zap.NewNop(), metrics: m}
		s.memory.limit.Store(1 << 20)
		g := &guarding{acs: "a"}
		g.urls.ToCPE = func(url string) URLVerdict {
			value, ok := rule(url)
			switch {
			case !ok:
				return URLVerdict{Action: URLRefuse}
			case value != url:
				return URLVerdict{Action: URLReplace, Value: value}
			}
			return URLVerdict{}
		}
		sess := &session{guard: g}
		head := &httpwire.Response{Status: 200, Fields: httpwire.Fields{{Name: "Content-Type", Value: contentType}}}
		got := acsReply{head: head, body: slices.Clone(body)}
		r := &request{loan: loan{from: &s.memory}}
		msg, more := s.read(sess, &got)
		faults, why := s.censor(sess, r, &got, &msg, &more)
		want, whole := understand(body, charset(contentType), rule)
		if !whole || why != "" {
			return
		}
		asks := 0
		for i := range want {
			if want[i].kind == cwmp.Request {
				asks++
			}
		}
		if faults != nil {
			if answered, err := cwmp.ScanAll(faults, cwmp.Options{}); err != nil || len(answered) != asks {
				t.Fatalf("%q is answered by %q: %v", body, faults, err)
			}
			return
		}
		if !got.edited {
			if !bytes.Equal(got.body, body) || slices.ContainsFunc(want, func(w understood) bool { return w.method == "refused" }) {
				t.Fatalf("%q is passed as %q", body, got.body)
			}
		}
		want = slices.DeleteFunc(want, func(w understood) bool { return w.method == "refused" })
		is, _ := understand(got.body, charset(contentType), func(url string) (string, bool) { return url, true })
		if !slices.EqualFunc(is, want, func(a, b understood) bool {
			return a.kind == b.kind && a.method == b.method && a.id == b.id && slices.Equal(a.values, b.values)
		}) {
			t.Fatalf("%q becomes %q:\n%+v, want\n%+v", body, got.body, is, want)
		}
	})
}
