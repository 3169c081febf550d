package kernel

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWire(t *testing.T) {
	key := []byte("key")
	parent := message{route: [][]byte{[]byte("a"), []byte("b")}, head: header{ID: "1", Type: "execute_request", Session: "s"}}
	parent.parts[partHeader] = encode(map[string]string{"msg_id": "1", "msg_type": "execute_request", "session": "s"})
	sent := compose("mine", "execute_reply", parent, map[string]any{"status": "ok", "kept": 1}).with(map[string]any{"status": "error"})
	sent.buffers = [][]byte{[]byte("buffer")}
	frames := sent.frames(key)
	got, err := decode(frames, key)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sent, got, cmp.AllowUnexported(message{}, header{})); diff != "" {
		t.Error(diff)
	}
	if got.status() != "error" || !bytes.Contains(got.parts[partContent], []byte(`"kept":1`)) {
		t.Errorf("content %s", got.parts[partContent])
	}
	if _, err := decode(frames, []byte("another")); err == nil {
		t.Error("a message of another key is taken")
	}
	frames[len(frames)-2] = []byte(`{"status":"ok"}`)
	if _, err := decode(frames, key); err == nil {
		t.Error("a message that was changed is taken")
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("id|<IDS|MSG>|ab|{}|{}|{}|{}|buffer"))
	f.Add([]byte("<IDS|MSG>||{\"msg_id\":1}|null|{}|[]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		var frames [][]byte
		for _, part := range bytes.Split(bytes.ReplaceAll(text, []byte(delimiter), []byte("\x00")), []byte("|")) {
			frames = append(frames, bytes.ReplaceAll(part, []byte("\x00"), []byte(delimiter)))
		}
		if m, err := decode(frames, nil); err == nil { // what is read can be passed on
			m.status()
			if len(m.with(map[string]any{"code": "x"}).frames(nil)) != len(frames) {
				t.Errorf("%q has other frames when it is passed on", text)
			}
		}
	})
}
