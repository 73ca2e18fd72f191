// Package credential keeps the secrets of CPEs: user names and passwords for
// Connection Requests and for STUN. It owns the vault: everything in the store is
// encrypted with a key file, nothing of it is ever printed, and what is learned
// from sessions is written behind everybody's back. It learns nothing by itself:
// what an operator did not opt into does not arrive here.
//
// STUN logins are in memory besides, as plain text, of the devices that have one
// and of no others: the STUN server asks at every packet, and a copy that is
// sealed with a key in the same memory protects nothing. Connection Request
// logins stay in the store until one is needed.
package credential
