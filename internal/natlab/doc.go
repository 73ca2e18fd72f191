// Package natlab builds small networks with NATs of every kind out of Linux
// network namespaces and nftables, to prove on real packets what works through
// which NAT. Everything runs in the calling process: a socket that was opened
// in a namespace stays there. It is for tests alone. It needs root, ip of
// iproute2 and nft of nftables, and Linux; without them New skips the test, or
// fails it where the environment says ACSGATE_NATLAB=required.
package natlab
