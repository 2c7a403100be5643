package store

import "syscall"

// tcpUserTimeout is the socket option TCP_USER_TIMEOUT of Linux, in
// milliseconds.
const tcpUserTimeout = 0x12

// setAckTimeout ends a connection whose data is not acknowledged in time.
func setAckTimeout(network, _ string, c syscall.RawConn) error {
	if network == "unix" {
		return nil
	}
	var err error
	if control := c.Control(func(fd uintptr) {
		err = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout, int(ackTimeout.Milliseconds()))
	}); control != nil {
		return control
	}
	return err
}
