// Package digest is HTTP Digest and Basic authentication (RFC 2069, 2617, 7616)
// as CPEs and ACSs really speak it: challenges without commas, answers without
// qop, user names in odd spelling. It parses and computes; it sends nothing and
// keeps no state but what a nonce itself carries.
package digest
