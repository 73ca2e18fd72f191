// Package tlsconf owns how the gateway's CPE listeners speak TLS: which
// protocol versions and cipher suites, which certificate, and what a client
// certificate proves. Certificates come from files, which are reloaded when
// they change, and by ACME (RFC 8555), which keeps them in the store.
//
// The package never opens a CPE listener, never reads from a CPE, and does not
// decide what becomes of a session whose certificate does not fit its device;
// it says so and the proxy refuses.
//
// Private keys obtained by ACME lie in the store as they are, not encrypted:
// the permissions of the store's file protect them, as those of a key file do.
package tlsconf
