package admin

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/acsgate/acsgate/internal/cwmp"
)

func TestScope_Matches(t *testing.T) {
	id := cwmp.DeviceID{OUI: "00D09E", ProductClass: "HG", SerialNumber: "SN100"}
	for _, test := range []struct {
		scope Scope
		want  bool
	}{
		{Scope{}, true},
		{Scope{Tenant: "acme"}, true}, // a name decides nothing
		{Scope{OUI: []string{"AABBCC", "00D09E"}}, true},
		{Scope{OUI: []string{"AABBCC"}}, false},
		{Scope{ProductClass: []string{"HG"}}, true},
		{Scope{ProductClass: []string{"hg"}}, false},
		{Scope{ProductClass: []string{"H"}}, false},
		{Scope{Serial: []string{"SN100"}}, true},
		{Scope{Serial: []string{"SN10"}}, false},
		{Scope{Serial: []string{"SN10*"}}, true},
		{Scope{Serial: []string{"SN100*"}}, true},
		{Scope{Serial: []string{"N100*"}}, false},
		{Scope{ACS: []string{"north"}}, true},
		{Scope{ACS: []string{"south"}}, false},
		{Scope{OUI: []string{"00D09E"}, ACS: []string{"south"}}, false}, // all must fit
		{Scope{OUI: []string{"00D09E"}, ProductClass: []string{"HG"}, Serial: []string{"x", "SN*"}, ACS: []string{"north"}}, true},
	} {
		if got := test.scope.Matches(id, "north"); got != test.want {
			t.Errorf("%+v: %v", test.scope, got)
		}
	}
	if (Scope{ACS: []string{"north"}}).Matches(id, "") {
		t.Error("a device of no ACS is one of an ACS")
	}
	if !(Scope{Tenant: "x"}).Whole() || (Scope{Serial: []string{"a"}}).Whole() {
		t.Error("Whole")
	}
}

func TestConfig_ValidatesScopesAndProofs(t *testing.T) {
	token, hash := writeToken(t, operatorToken), strings.Repeat("ab", 32)
	c := Config{
		Address: DefaultAddress,
		Tenants: []TenantConfig{
			{Name: "acme", ScopeConfig: ScopeConfig{OUI: []string{"00:d0:9e"}}},
			{Name: "acme", ScopeConfig: ScopeConfig{OUI: []string{"00D09E", "00D09E", "nonsense", ""}}},
			{ScopeConfig: ScopeConfig{}},
		},
		Tokens: []TokenConfig{
			{Name: "a", Role: "viewer", TokenFile: token, Tenant: "none"},
			{Name: "b", Role: "viewer", TokenSHA256: hash, Tenant: "acme", ScopeConfig: ScopeConfig{ACS: []string{"north"}}},
			{Name: "c", Role: "viewer", TokenSHA256: "abcd"},
			{Name: "d", Role: "viewer", TokenSHA256: hash, TokenFile: token},
			{Name: "e", Role: "viewer", TokenSHA256: strings.ToUpper(hash)},
			{Name: "f", Role: "viewer", ClientCert: "cn"},
			{Name: "g", Role: "viewer", TokenFile: writeToken(t, "sha256:"+hash)},
			{Name: "h", Role: "viewer", TokenFile: writeToken(t, "sha256:"+hash[1:])},
			{Name: "i", Role: "viewer", TokenFile: writeToken(t, viewerToken), ScopeConfig: ScopeConfig{
				Serial: []string{"*", "a*b", "ok*"}, ProductClass: []string{"H*"}, ACS: []string{""},
			}},
		},
	}
	var got []string
	c.Validate(func(key, _, problem string) {
		got = append(got, key)
		if problem == "" {
			t.Errorf("%s has no problem", key)
		}
	})
	want := []string{
		"tenants[1].name", "tenants[1].oui[1]", "tenants[1].oui[2]", "tenants[1].oui[3]", "tenants[2].name", "tenants[2]",
		"tokens[0].tenant", "tokens[1].tenant", "tokens[2].token_sha256", "tokens[3]", "tokens[4]", "tokens[5].client_cert", "tokens[6]",
		"tokens[7].token_file", "tokens[8].product_class[0]", "tokens[8].serial[0]", "tokens[8].serial[1]", "tokens[8].acs[0]",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q\nwant\n%q", got, want)
	}
}

func TestConfig_ValidatesTheRest(t *testing.T) {
	c := Config{Address: DefaultAddress, Hosts: []string{"ok.example", "a:1", "", "*.b"}, RequestsPerSecond: -1, TLS: TLSConfig{CertFile: "x"}}
	var got []string
	c.Validate(func(key, _, _ string) { got = append(got, key) })
	c.TLS = TLSConfig{ClientCAFile: "none"}
	c.Validate(func(key, _, _ string) { got = append(got, key) })
	want := []string{
		"hosts[1]", "hosts[2]", "hosts[3]", "tls.key_file", "requests_per_second",
		"hosts[1]", "hosts[2]", "hosts[3]", "tls.client_ca_file", "tls.client_ca_file", "requests_per_second",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q\nwant\n%q", got, want)
	}
}

// TestAPI_ATenantSeesItsDevicesAlone goes through everything with a token that has a
// scope: what is not in it is not there, and what is about all is refused.
func TestAPI_ATenantSeesItsDevicesAlone(t *testing.T) {
	f, s := startFake(t, nil)
	api(t, s, adminToken, "POST", "devices/"+oddDevice.String()+"/captures", "").wantStatus(t, 201)
	api(t, s, adminToken, "POST", "devices/"+tenantDevice.String()+"/captures", "").wantStatus(t, 201)
	others := []string{oddDevice.String(), scriptDevice.String(), "secret rule"}
	for _, path := range []string{"devices", "sessions", "bindings", "captures", "devices/" + tenantDevice.String(), "devices/" + tenantDevice.String() + "/timeline"} {
		got := api(t, s, tenantToken, "GET", path, "").wantStatus(t, 200).wantText(t, tenantDevice.String())
		for _, other := range others {
			if strings.Contains(got.body, other) {
				t.Errorf("%s shows %s: %s", path, other, got.body)
			}
		}
		if strings.Contains(got.body, `"total":3`) {
			t.Errorf("%s counts the devices of others: %s", path, got.body)
		}
	}
	for _, e := range (&API{}).endpoints() {
		path := strings.NewReplacer("devices/{id}", "devices/"+oddDevice.String(), "captures/{id}", "captures/c0", "{name}", "move").Replace(e.path)
		switch {
		case e.whole:
			api(t, s, tenantToken, e.method, path, "", "If-Match", "*").wantStatus(t, 403)
		case e.path != path && e.role != RoleAdmin:
			api(t, s, tenantToken, e.method, path, "", "If-Match", "*").wantStatus(t, 404)
		case e.path != path:
			api(t, s, tenantToken, e.method, path, "", "If-Match", "*").wantStatus(t, 403)
		}
	}
	api(t, s, tenantToken, "POST", "devices/"+oddDevice.String()+"/connection-request", "").wantStatus(t, 404)
	api(t, s, tenantToken, "POST", "connection-requests", `{"devices":["`+tenantDevice.String()+`","`+oddDevice.String()+`"]}`).wantStatus(t, 404).wantText(t, oddDevice.String())
	api(t, s, tenantToken, "POST", "connection-requests", `{"oui":"00D09E"}`).wantStatus(t, 404)
	api(t, s, tenantToken, "GET", "events?device="+oddDevice.String(), "").wantStatus(t, 400) // its % is no %25
	api(t, s, tenantToken, "GET", "events?device="+strings.ReplaceAll(oddDevice.String(), "%", "%25"), "").wantStatus(t, 404)
	if len(f.woken) > 0 {
		t.Errorf("woken: %q", f.woken)
	}
	api(t, s, tenantToken, "POST", "connection-requests", `{"all":true}`).wantStatus(t, 200).wantText(t, `"total":1`)
	api(t, s, tenantToken, "POST", "devices/"+tenantDevice.String()+"/connection-request", "").wantStatus(t, 200)
	if want := []string{tenantDevice.String(), tenantDevice.String()}; !slices.Equal(f.woken, want) {
		t.Errorf("woken: %q", f.woken)
	}
}

// TestSelection_ATenantsDevicesAreReadToTheirEnd: bulk wakes go through all pages.
func TestSelection_ATenantsDevicesAreReadToTheirEnd(t *testing.T) {
	const pages = 3
	var a API
	a.InScope = func(Scope, cwmp.DeviceID) bool { return true }
	a.Devices = func(_ context.Context, q DeviceQuery) (page DevicePage, err error) {
		n, _ := strconv.Atoi(q.Cursor)
		if q.Scope.Whole() || q.ACS != "north" || q.Limit != maxPage {
			t.Errorf("asked for %+v", q)
		}
		for i := range q.Limit {
			page.Devices = append(page.Devices, DeviceRow{Device: fmt.Sprintf("AABBCC-%d", n*q.Limit+i)})
		}
		if n++; n < pages {
			page.Next = strconv.Itoa(n)
		}
		return page, nil
	}
	who := Identity{Name: "acme", Role: RoleOperator, Scope: Scope{OUI: []string{"AABBCC"}}}
	got, err := a.scoped(t.Context(), who, Selection{ACS: "north", PerSecond: 5})
	if err != nil || len(got.Devices) != pages*maxPage || len(got.Names) != pages*maxPage || got.PerSecond != 5 || got.ACS != "" {
		t.Errorf("%d devices, %v", len(got.Devices), err)
	}
}
