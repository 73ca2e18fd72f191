// Package httpwire reads and writes HTTP/1 messages as CPEs and ACSs really
// send them. It keeps the spelling and order of header fields, accepts what old
// stacks get wrong without changing what it means (bare LF, blanks before the
// colon, folded lines, HTTP/1.0, no Host), and stays strict where tolerance
// would let two readers disagree about where a message ends. It never follows,
// retries, authenticates or interprets anything beyond framing.
package httpwire
