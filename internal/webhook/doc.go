// Package webhook tells HTTP servers of others what happens, as it happens. It owns
// the queue of each, and tries again what could not be delivered, for a while. It
// never waits with anything but itself: what finds no room is dropped and counted.
//
// Each delivery is a POST of a JSON array of events, oldest first, each as the stream
// of events has it. Its headers are
//
//	Content-Type: application/json
//	Acsgate-Delivery: the same for each attempt of a delivery
//	Acsgate-Signature: t=1767225600,v1=5257a869...
//
// v1 is the HMAC-SHA256, in hexadecimal, of the digits of t, a dot and the body, with
// the secret as key. t is the time of the attempt, in seconds since 1970. A receiver
// computes it on the bytes that it has got, compares in constant time, and refuses a t
// that is more than some minutes away from its own clock; Verify does all three. It
// answers 2xx within the timeout, does its work afterwards, and ignores an
// Acsgate-Delivery that it has had: a delivery whose answer was lost is made again.
package webhook
