package main

import (
	"errors"
	"flag"
	"io"
	"net"
)

// runEcho sends every datagram back, one by one in one goroutine: what any server
// in Go that is written plainly pays for its system calls, and the limit for a
// server that has to do something besides.
func runEcho(args []string, in io.Reader) error {
	flags := flag.NewFlagSet(roleEcho, flag.ContinueOnError)
	address := flags.String("listen", "127.0.0.1:0", "address")
	if err := flags.Parse(args); err != nil {
		return err
	}
	conn, err := net.ListenPacket("udp4", *address)
	if err != nil {
		return err
	}
	go func() { // until the connection is closed, when in ends
		_ = echoDatagrams(conn.(*net.UDPConn))
	}()
	_, err = io.Copy(io.Discard, in)
	return errors.Join(err, conn.Close())
}

func echoDatagrams(conn *net.UDPConn) error {
	buf := make([]byte, 2048)
	for {
		n, from, err := conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			return err
		}
		if _, err := conn.WriteToUDPAddrPort(buf[:n], from); err != nil {
			return err
		}
	}
}
