package config

import (
	"reflect"
	"slices"

	"github.com/acsgate/acsgate/proxy"
)

// Diff returns the keys in which two complete configurations differ and that
// only a restart can change: everything that is bound, opened or named once.
// An empty result means that updated can replace old while sessions run.
//
// Listeners are compared by name, whatever their order. The keys are those of
// updated, such as listen[0].address; a listener that is no longer there is
// listen[NAME].
func Diff(old, updated *Config) []string {
	keys := diffListen(old.Listen, updated.Listen)
	if acmeAddress(old) != acmeAddress(updated) {
		keys = append(keys, "tls.acme.http_address")
	}
	for _, section := range []struct {
		key          string
		old, updated any
	}{
		{"data_dir", old.DataDir, updated.DataDir},
		{"devices", old.Devices, updated.Devices},
		{"store", old.Store, updated.Store},
		{"stun", old.STUN, updated.STUN},
		{"bindings", old.Bindings, updated.Bindings},
		{"connection_request", old.ConnectionRequest, updated.ConnectionRequest},
		{"credentials", old.Credentials, updated.Credentials},
		{"turn", old.TURN, updated.TURN},
		{"campaigns", old.Campaigns, updated.Campaigns},
		{"journal", old.Journal, updated.Journal},
		{"events", old.Events, updated.Events},
		{"admin", old.Admin, updated.Admin},
		{"log", old.Log, updated.Log},
	} {
		keys = append(keys, differences(reflect.ValueOf(section.old), reflect.ValueOf(section.updated), section.key)...)
	}
	return keys
}

func acmeAddress(c *Config) string {
	if c.TLS.ACME == nil {
		return ""
	}
	return c.TLS.ACME.HTTPAddress
}

func diffListen(old, updated []proxy.ListenConfig) []string {
	var keys []string
	left := slices.Clone(old)
	for i, l := range updated {
		key := element("listen", i)
		j := counterpart(l, left, updated)
		if j < 0 {
			keys = append(keys, key)
			continue
		}
		keys = append(keys, diffListener(left[j], l, key)...)
		left = slices.Delete(left, j, j+1)
	}
	for _, gone := range left {
		keys = append(keys, "listen["+gone.Name+"]")
	}
	return keys
}

// counterpart finds what a listener was before: the one of its name, else the
// one of its address if its name is gone, else none (-1).
func counterpart(l proxy.ListenConfig, old, updated []proxy.ListenConfig) int {
	named := func(name string) func(proxy.ListenConfig) bool {
		return func(o proxy.ListenConfig) bool { return o.Name == name }
	}
	if j := slices.IndexFunc(old, named(l.Name)); j >= 0 {
		return j
	}
	return slices.IndexFunc(old, func(o proxy.ListenConfig) bool {
		return o.Address == l.Address && !slices.ContainsFunc(updated, named(o.Name))
	})
}

// diffListener leaves out what takes effect on the next connection: the
// settings of TLS and the limit of connections.
func diffListener(old, updated proxy.ListenConfig, key string) []string {
	var keys []string
	for _, part := range []struct {
		name string
		same bool
	}{
		{"name", old.Name == updated.Name},
		{"address", old.Address == updated.Address},
		{"tls", (old.TLS == nil) == (updated.TLS == nil)},
		{"proxy_protocol", slices.Equal(old.ProxyProtocol, updated.ProxyProtocol)},
	} {
		if !part.same {
			keys = append(keys, key+"."+part.name)
		}
	}
	return keys
}

// differences returns the keys in which two values of one type differ.
func differences(a, b reflect.Value, key string) []string {
	if a.Kind() == reflect.Pointer && !a.IsNil() && !b.IsNil() {
		return differences(a.Elem(), b.Elem(), key)
	}
	if !isSection(a.Type()) {
		if reflect.DeepEqual(a.Interface(), b.Interface()) {
			return nil
		}
		return []string{key}
	}
	var keys []string
	for _, f := range fields(a.Type()) {
		keys = append(keys, differences(a.FieldByIndex(f.index), b.FieldByIndex(f.index), join(key, f.key))...)
	}
	return keys
}
