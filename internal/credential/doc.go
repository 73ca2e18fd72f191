// Package credential keeps the secrets of CPEs: user names and passwords for
// Connection Requests and for STUN. It owns the vault: everything in the store is
// encrypted with a key file, nothing of it is ever printed, and what is learned
// from sessions is written behind everybody's back. It learns nothing by itself:
// what an operator did not opt into does not arrive here.
package credential
