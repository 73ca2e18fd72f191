package simnet

import (
	"errors"
	"strings"
	"testing"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/httpwire"
)

func onInform(bad Misbehaviour) func(*Exchange) Misbehaviour {
	return func(x *Exchange) Misbehaviour {
		if isInform(x) {
			return bad
		}
		return Misbehaviour{}
	}
}

func always(bad Misbehaviour) func(*Exchange) Misbehaviour {
	return func(*Exchange) Misbehaviour { return bad }
}

// TestMakesAreAsStrictAsTheRealOnes: each make stumbles over what its model
// stumbles over, and only that.
func TestMakesAreAsStrictAsTheRealOnes(t *testing.T) {
	long := []httpwire.Field{{Name: "X-Long", Value: strings.Repeat("x", 1024)}}
	many := make([]httpwire.Field, 65)
	for i := range many {
		many[i] = httpwire.Field{Name: "X-Many", Value: "1"}
	}
	otherPrefix := []byte(strings.ReplaceAll(string(cwmp.InformResponse(cwmp.DefaultDialect, "1")), "cwmp:", "c:"))
	defaultNamespace := []byte(`<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"><Body><InformResponse xmlns="urn:dslforum-org:cwmp-1-0"><MaxEnvelopes>1</MaxEnvelopes></InformResponse></Body></Envelope>`)
	longID := cwmp.InformResponse(cwmp.DefaultDialect, strings.Repeat("1", 128))
	tests := map[string]struct {
		quirk, make string
		misbehave   func(*Exchange) Misbehaviour
	}{
		"no reason phrase":       {"C-22", "netcwmp", onInform(Misbehaviour{NoReason: true})},
		"chunked reply":          {"C-21", "netcwmp", onInform(Misbehaviour{Chunked: true})},
		"long header line":       {"C-23", "netcwmp", onInform(Misbehaviour{Fields: long})},
		"many header lines":      {"C-23", "netcwmp", onInform(Misbehaviour{Fields: many})},
		"other prefix":           {"C-51", "netcwmp", onInform(Misbehaviour{Body: otherPrefix})},
		"declaration":            {"C-64", "netcwmp-shipped", always(Misbehaviour{})},
		"declaration, Orange":    {"C-64", "tr069agent-shipped", always(Misbehaviour{})},
		"connection ends":        {"C-66", "netcwmp", always(Misbehaviour{Close: true})},
		"connection ends, sim":   {"C-66", "cwmp-sim", always(Misbehaviour{CloseSilently: true})},
		"default namespace":      {"C-51", "easycwmp", onInform(Misbehaviour{Body: defaultNamespace})},
		"200, empty":             {"C-25", "rdkb", always(Misbehaviour{EmptyAs200: true})},
		"unknown status":         {"C-26", "rdkb", onInform(Misbehaviour{Status: 503})},
		"unknown status, icwmp":  {"C-26", "icwmp", onInform(Misbehaviour{Status: 429})},
		"long cwmp:ID":           {"C-63", "rdkb", onInform(Misbehaviour{Body: longID})},
		"anything but 2xx":       {"C-68", "genieacs-sim", onInform(Misbehaviour{Redirect: "/x"})},
		"large cookie":           {"C-23", "evcpe", onInform(Misbehaviour{Fields: []httpwire.Field{{Name: "Set-Cookie", Value: "a=" + strings.Repeat("b", 511)}}})},
		"401 without challenge":  {"C-29", "generic", onInform(Misbehaviour{Status: 401})},
		"answer with another ID": {"C-63", "generic", onInform(Misbehaviour{Body: cwmp.InformResponse(cwmp.DefaultDialect, "other")})},
	}
	for name, tt := range tests {
		t.Run(tt.quirk+"_"+tt.make+"_"+name, func(t *testing.T) {
			a := startACS(t, ACSConfig{Misbehave: tt.misbehave, Script: testScript})
			_, err := newTestCPE(t, a, known(t, tt.make), nil).Session(t.Context(), "1 BOOT")
			var broken *Violation
			if !errors.As(err, &broken) || broken.Quirk != tt.quirk {
				t.Errorf("error %v, want a violation of %s", err, tt.quirk)
			}
			if Reason(err) != "quirk "+tt.quirk {
				t.Errorf("reason %q", Reason(err))
			}
			if strings.HasPrefix(name, "401") || strings.HasPrefix(name, "answer") {
				return // no client bears these
			}
			tolerant := startACS(t, ACSConfig{Misbehave: tt.misbehave, Script: testScript})
			lenient := generic()
			lenient.Rules = Rules{}
			if _, err := newTestCPE(t, tolerant, lenient, nil).Session(t.Context(), "1 BOOT"); errors.As(err, &broken) && broken.Quirk != "C-63" {
				t.Errorf("a tolerant client fails too: %v", err)
			}
		})
	}
}

// TestShippedMakesReadWhatBeginsWithTheEnvelope is the other half of C-64.
func TestC64_ShippedMakesReadWhatBeginsWithTheEnvelope(t *testing.T) {
	for _, name := range []string{"netcwmp-shipped", "tr069agent-shipped"} {
		a := startACS(t, ACSConfig{NoDeclaration: true, Script: testScript})
		if r := mustSucceed(t, newTestCPE(t, a, known(t, name), nil)); len(r.RPCs) != 2 {
			t.Errorf("%s: RPCs %q", name, r.RPCs)
		}
	}
}

// TestTwoCookiesInOneReply is for makes that read a single Set-Cookie.
func TestC06_TwoCookiesInOneReply(t *testing.T) {
	m := generic()
	m.Rules.OneCookie = true
	a := startACS(t, ACSConfig{ExtraCookies: []string{"route=7"}})
	_, err := newTestCPE(t, a, m, nil).Session(t.Context())
	if Reason(err) != "quirk C-06" {
		t.Errorf("error %v", err)
	}
	mustSucceed(t, newTestCPE(t, a, generic(), nil))
	if p := a.Problems(); len(p) != 0 {
		t.Errorf("problems %q", p)
	}
}
