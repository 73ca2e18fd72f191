// Package proxy carries CWMP sessions between CPEs and ACSs. It owns the CPE's
// connections, the sessions with their cookies, and one connection to the ACS
// for each session. It passes what both sides say byte by byte, but for edits
// that it names, and it may ask a CPE RPCs of the gateway's own at the edges of
// a session, of which the ACS sees nothing. It never decides which ACS is
// right, never answers SOAP for an ACS, and never moves a session that has
// begun.
package proxy
