package simnet

import (
	"errors"
	"slices"
	"testing"
)

// TestMakesCompleteSessions: every make completes a session with a lenient ACS
// in every kind of authentication and with both ways to use connections.
func TestMakesCompleteSessions(t *testing.T) {
	schemes := map[string]ACSAuth{
		"none":     {},
		"basic":    {Scheme: "basic", Password: OneUser("cpe1", "cpepw")},
		"digest":   {Scheme: "digest", QOP: "auth", Algorithm: "MD5", Opaque: "op", Password: OneUser("cpe1", "cpepw")},
		"auth-int": {Scheme: "digest", QOP: "auth,auth-int", Password: OneUser("cpe1", "cpepw")},
		"rfc2069":  {Scheme: "digest", Password: OneUser("cpe1", "cpepw")},
		"md5-sess": {Scheme: "digest", QOP: "auth", Algorithm: "MD5-sess", Password: OneUser("cpe1", "cpepw")},
		"sha-256":  {Scheme: "digest", QOP: "auth", Algorithm: "SHA-256", Password: OneUser("cpe1", "cpepw")},
	}
	for _, m := range Makes() {
		for name, auth := range schemes {
			for _, connection := range []Connection{KeepAlive, PerPost, PerPostClose} {
				t.Run(m.Name+"/"+name+"/"+[]string{"keep-alive", "per-post", "per-post-close"}[connection], func(t *testing.T) {
					t.Parallel()
					if m.NoReconnect && connection != KeepAlive {
						connection = KeepAlive
					}
					m := m
					if m.Connection == KeepAlive {
						m.Connection = connection
					}
					testMake(t, m, auth, name)
				})
			}
		}
	}
}

func testMake(t *testing.T, m Make, auth ACSAuth, scheme string) {
	a := startACS(t, ACSConfig{Auth: auth, Script: testScript})
	c := newTestCPE(t, a, m, user)
	r, err := c.Session(t.Context(), "0 BOOTSTRAP", "1 BOOT")
	if v := (*Violation)(nil); m.Rules.Only2xx && errors.As(err, &v) && v.Quirk == "C-68" && scheme != "none" && scheme != "basic" {
		return // genieacs-sim knows Basic alone
	}
	if err != nil {
		t.Fatalf("%v\nstatuses: %v", err, r.Statuses())
	}
	if want := []string{"GetParameterValues", "SetParameterValues"}; !slices.Equal(r.RPCs, want) {
		t.Errorf("RPCs %q, want %q", r.RPCs, want)
	}
	if r.Faults != nil {
		t.Errorf("faults %q", r.Faults)
	}
	if p, _ := c.Tree().Get(m.Root + "DeviceInfo.ProvisioningCode"); p.Value != "a&b<c>" {
		t.Errorf("ProvisioningCode is %q", p.Value)
	}
	if n := a.Stats().Completed; n != 1 {
		t.Errorf("ACS completed %d sessions", n)
	}
	if scheme != "none" && a.Stats().Authorized == 0 {
		t.Error("ACS authorised nobody")
	}
}

// TestMakesWithStrictACS: makes that keep their connection and their cookie can
// do without a gateway.
func TestMakesWithStrictACS(t *testing.T) {
	for _, m := range Makes() {
		if m.CloseAfter401 {
			continue // TestC01_NewConnectionAfterChallenge
		}
		t.Run(m.Name, func(t *testing.T) {
			a := startACS(t, ACSConfig{
				Mode: Strict, Script: testScript, Auth: ACSAuth{Scheme: "basic", Password: OneUser("cpe1", "cpepw")},
			})
			r, err := newTestCPE(t, a, m, func(c *CPEConfig) { user(c); c.Auth = AuthBasic }).Session(t.Context(), "1 BOOT")
			fits := m.Connection == KeepAlive
			if (err == nil) != fits {
				t.Errorf("%v after %v", err, r.Statuses())
			}
			if fits && a.Stats().Completed != 1 {
				t.Errorf("ACS: %+v", a.Stats())
			}
		})
	}
}

// TestC04_EmptyPostFirst: a lenient ACS lets it pass, GenieACS does not.
func TestC04_EmptyPostFirst(t *testing.T) {
	m := generic()
	m.EmptyFirstAlways = true
	r := mustSucceed(t, newTestCPE(t, startACS(t, ACSConfig{}), m, nil))
	if got := r.Statuses(); !slices.Equal(got, []int{204, 200, 204}) || r.Legs[0].Sent != "probe" {
		t.Errorf("statuses %v", got)
	}
	_, err := newTestCPE(t, startACS(t, ACSConfig{Mode: Strict}), m, nil).Session(t.Context())
	if Reason(err) != "status 400" {
		t.Errorf("strict ACS: %v", err)
	}
}

// TestNoSOAPHeader: without a cwmp:ID there is none to repeat.
func TestNoSOAPHeader(t *testing.T) {
	m := generic()
	m.Style.NoHeader = true
	a := startACS(t, ACSConfig{Script: testScript})
	mustSucceed(t, newTestCPE(t, a, m, nil))
	if x := a.Exchanges()[0]; x.Message.ID != "" || x.Message.Method != "Inform" {
		t.Errorf("ID %q in %s", x.Message.ID, x.Body)
	}
}

func TestMakeNamed(t *testing.T) {
	seen := map[string]bool{}
	for _, m := range Makes() {
		key := m.Device.OUI + m.Device.ProductClass
		if named, ok := MakeNamed(m.Name); !ok || named.Name != m.Name || m.Summary == "" || seen[key] {
			t.Errorf("make %q is %q, known %t, its device is taken: %t", m.Name, named.Name, ok, seen[key])
		}
		seen[key] = m.Name != "icwmp" // icwmp-gzip is the same device
	}
	if _, ok := MakeNamed("unknown"); ok {
		t.Error("an unknown make is known")
	}
}
