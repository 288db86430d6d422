//go:build linux && (amd64 || arm64)

package osfs

import (
	"os"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// queue is a context of Linux's asynchronous I/O (io_setup(2)) with room for one write, and an eventfd through which Go's poller hears of
// its end. Nothing waits in the kernel meanwhile: a goroutine in fdatasync keeps one of Go's processors until the runtime
// notices and takes it away, which costs a lone write a tenth of its time.
//
// It is not io_uring, which leaves a sync to a thread of the kernel, and which many systems refuse to programs in containers.
type queue struct {
	context uintptr
	ended   *os.File // the eventfd, which fd is
	fd      int
	iocb    iocb
	iocbs   [1]*iocb
	events  [1]ioEvent
	count   [8]byte
}

// iocb is struct iocb of linux/aio_abi.h, little-endian.
type iocb struct {
	_              uint64 // data
	_              uint32 // key
	rwFlags        uint32
	opcode         uint16
	_              int16 // priority
	fd             uint32
	buf            uint64
	bytes          uint64
	offset         int64
	_              uint64
	flags, eventfd uint32
}

// ioEvent is struct io_event: how an operation ended, with as many bytes or an error below zero.
type ioEvent struct {
	_, _ uint64 // data, and which operation
	res  int64
	_    int64
}

const (
	iocbPwrite      = 1 // IOCB_CMD_PWRITE
	iocbFlagEventfd = 1 // IOCB_FLAG_RESFD
)

// queues are those that nobody uses. There are as many as writes were ever under way at the same time, one for each log, and they
// live as long as the process: to end one takes the kernel milliseconds.
var queues struct {
	sync.Mutex
	idle    []*queue
	refused bool // the system gives none
}

// takeQueue returns a queue that nobody else uses, nil if there is none.
func takeQueue() *queue {
	queues.Lock()
	defer queues.Unlock()
	if n := len(queues.idle); n > 0 {
		q := queues.idle[n-1]
		queues.idle = queues.idle[:n-1]
		return q
	}
	if queues.refused {
		return nil
	}
	q := newQueue()
	queues.refused = q == nil
	return q
}

func newQueue() *queue {
	q := &queue{}
	if _, _, errno := unix.Syscall(unix.SYS_IO_SETUP, 1, uintptr(unsafe.Pointer(&q.context)), 0); errno != 0 {
		return nil
	}
	fd, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		_, _, _ = unix.Syscall(unix.SYS_IO_DESTROY, q.context, 0, 0)
		return nil
	}
	q.fd, q.ended = fd, os.NewFile(uintptr(fd), "eventfd")
	return q
}

// begin begins to write to a file so that the device keeps it (RWF_DSYNC), and reports whether it did; else the queue is free again. p is none of the
// collector's memory, and stays as it is until wait returns.
func (q *queue) begin(f *os.File, p []byte, off int64) bool {
	q.iocb = iocb{
		rwFlags: unix.RWF_DSYNC, opcode: iocbPwrite, fd: uint32(f.Fd()), buf: uint64(uintptr(unsafe.Pointer(&p[0]))), bytes: uint64(len(p)), offset: off,
		flags: iocbFlagEventfd, eventfd: uint32(q.fd),
	}
	q.iocbs[0] = &q.iocb
	n, _, errno := unix.Syscall(unix.SYS_IO_SUBMIT, q.context, 1, uintptr(unsafe.Pointer(&q.iocbs)))
	if errno != 0 || n != 1 {
		q.release()
		return false
	}
	return true
}

// wait waits until what was begun has ended, frees the queue, and returns how many bytes the device keeps.
func (q *queue) wait() (n int, err error) {
	_, _ = q.ended.Read(q.count[:]) // without it the next call waits, on a thread of its own
	err = again(func() error {
		_, _, errno := unix.Syscall6(unix.SYS_IO_GETEVENTS, q.context, 1, 1, uintptr(unsafe.Pointer(&q.events)), 0, 0)
		if errno != 0 {
			return errno
		}
		return nil
	})
	if err != nil {
		return 0, err // nobody knows whether it has ended: the queue is given up
	}
	res := q.events[0].res
	q.release()
	if res < 0 {
		return 0, unix.Errno(-res)
	}
	return int(res), nil
}

// release gives the queue to whoever needs one next. Nothing is under way in it.
func (q *queue) release() {
	queues.Lock()
	defer queues.Unlock()
	queues.idle = append(queues.idle, q)
}
