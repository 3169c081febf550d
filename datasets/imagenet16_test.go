package datasets

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// littleImageNet is ImageNet16-120 in the published layout, but with few batches of few
// images.
func littleImageNet() downsampled {
	d := imageNet16
	d.train = slices.Clone(d.train[:3])
	d.info.Train, d.info.Validation, d.info.Test = 3*120+60, 60, 60
	d.divided = nasBench201(slices.Repeat([]byte{0x55}, 15), true)
	return d
}

// pickled writes its batches with Python and numpy, in a folder that becomes
// LEMONADE_DATA.
func (d downsampled) pickled(t testing.TB, protocol int) (dir string) {
	t.Helper()
	data := t.TempDir()
	dir = filepath.Join(data, d.folder)
	python(t, "imagenet16.py", dir, fmt.Sprint(protocol), "3", "120", "120")
	if t, ok := t.(*testing.T); ok {
		t.Setenv(Env, data)
	}
	return dir
}

// TestImageNet16Protocols reads what Python and numpy have written, byte for byte.
func TestImageNet16Protocols(t *testing.T) {
	for protocol := 2; protocol <= 5; protocol++ {
		t.Run(fmt.Sprint(protocol), func(t *testing.T) {
			d := littleImageNet()
			dir := d.pickled(t, protocol)
			expected, err := os.ReadFile(filepath.Join(dir, "expected"))
			if err != nil {
				t.Fatal(err)
			}
			var got []byte
			for _, f := range d.files() {
				_, err := d.read(testPrep(t), filepath.Join(dir, f.name), func(label int32, pixels []byte) error {
					got = append(append(got, byte(label)), pixels...)
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
			}
			if !bytes.Equal(got, expected) {
				t.Errorf("%d bytes were read, which are not the %d that were written", len(got), len(expected))
			}
		})
	}
}

// python2 is a batch as Python 2 pickles it with protocol 2: texts and the bytes of
// arrays are strings there, and numpy's modules are those of its time.
func python2(labels []int, data []byte) []byte {
	var b bytes.Buffer
	text := func(s string) { b.WriteString("U" + string(byte(len(s))) + s) }
	b.WriteString("\x80\x02}q\x01(")
	text("data")
	b.WriteString("cnumpy.core.multiarray\n_reconstruct\nq\x02cnumpy\nndarray\nq\x03K\x00\x85U\x01b\x87Rq\x04(K\x01")
	fmt.Fprintf(&b, "M%sM%s\x86", binary.LittleEndian.AppendUint16(nil, uint16(len(labels))), binary.LittleEndian.AppendUint16(nil, uint16(len(data)/len(labels))))
	b.WriteString("cnumpy\ndtype\nq\x05U\x02u1K\x00K\x01\x87Rq\x06(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T")
	b.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(data))))
	b.Write(data)
	b.WriteString("tb")
	text("labels")
	b.WriteString("]q\x07(")
	for _, label := range labels {
		b.WriteString("M" + string(binary.LittleEndian.AppendUint16(nil, uint16(label))))
	}
	b.WriteString("eu.")
	return b.Bytes()
}

func TestImageNet16OfPython2(t *testing.T) {
	d := littleImageNet()
	data := make([]byte, 4*768)
	for i := range data {
		data[i] = byte(mix(uint64(i), 3))
	}
	raw := python2([]int{120, 121, 1, 1000}, data)
	path := filepath.Join(t.TempDir(), "val_data")
	save(t, path, raw)
	python(t, "python2.py", path) // Python agrees that it is such a file
	var labels []int32
	_, err := d.read(testPrep(t), path, func(label int32, pixels []byte) error {
		labels = append(labels, label)
		row := (label + 1) / 120 // 120 is that of the first image, 1 of the third
		from := data[map[int32]int{1: 0, 0: 2}[row]*768:]
		if pixels[0] != from[0] || pixels[1] != from[256] || pixels[2] != from[512] || pixels[3] != from[1] {
			t.Errorf("label %d has other pixels", label)
		}
		return nil
	})
	if diff := cmp.Diff([]int32{119, 0}, labels); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
}

// TestPickleIsHostile feeds pickles that run a command when Python reads them.
func TestPickleIsHostile(t *testing.T) {
	for protocol := 2; protocol <= 5; protocol++ {
		path := filepath.Join(t.TempDir(), "val_data")
		python(t, "hostile.py", path, fmt.Sprint(protocol))
		_, err := littleImageNet().read(testPrep(t), path, func(int32, []byte) error { return nil })
		if err == nil || !strings.Contains(err.Error(), `asks for "system" of "posix"`) {
			t.Errorf("protocol %d: %v", protocol, err)
		}
		if _, err := os.Stat("evil"); err == nil {
			t.Fatal("the command ran")
		}
	}
}

// TestPickleRefuses holds that nothing but numpy's arrays is built, and that a file is
// not believed how large it is.
func TestPickleRefuses(t *testing.T) {
	good := python2([]int{1, 2}, make([]byte, 2*768))
	with := func(old, new string) string { return strings.Replace(string(good), old, new, 1) }
	for name, c := range map[string]struct{ in, want string }{
		"another class":       {"\x80\x02ccollections\nOrderedDict\n)R.", "holds no dictionary"},
		"another function":    {"\x80\x02cbuiltins\neval\nU\x011\x85R.", "out to do harm"},
		"another object":      {with("cnumpy\ndtype", "cnumpy\nmatrix"), "out to do harm"},
		"old protocol":        {"(dp0\nS'data'\np1\n.", "is no pickle of the protocols 2 to 5"},
		"new protocol":        {"\x80\x06}.", "protocol 6"},
		"persistent":          {"\x80\x02U\x01xQ.", "instruction 0x51"},
		"a terabyte":          {"\x80\x04\x8e\x00\x00\x00\x00\x00\x01\x00\x00.", "truncated"},
		"half of 64 bits":     {"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\xff.", "truncated"},
		"long frame":          {"\x80\x04\x95\x00\x00\x00\x00\x00\x01\x00\x00.", "truncated"},
		"long number":         {"\x80\x02\x8a\x09123456789.", "a number of 9 bytes"},
		"long name":           {"\x80\x02c" + strings.Repeat("x", 300) + "\n", "a name of more than"},
		"many instructions":   {"\x80\x02" + strings.Repeat("N0", mostInstructions/2) + ".", "instructions"},
		"empty stack":         {"\x80\x02.", "the stack is empty"},
		"no end":              {"\x80\x02}", "truncated"},
		"a list":              {"\x80\x02].", "holds no dictionary"},
		"no data":             {"\x80\x02}.", `holds no array "data"`},
		"labels of text":      {with("M\x01\x00M\x02\x00e", "M\x01\x00U\x01xe"), "has a string as the label of image 1"},
		"label 0":             {with("M\x01\x00M\x02\x00e", "M\x01\x00M\x00\x00e"), "has the label 0 for image 1"},
		"label 1001":          {with("M\x01\x00M\x02\x00e", "M\x01\x00M\xe9\x03e"), "has the label 1001 for image 1"},
		"a label too many":    {with("M\x01\x00M\x02\x00e", "M\x01\x00M\x02\x00M\x02\x00e"), "has 2 images and 3 labels"},
		"columns first":       {with("tb\x89T", "tb\x88T"), "written in a way which cannot be read"},
		"other numbers":       {with("U\x02u1", "U\x02f4"), `is an array of "f4"`},
		"shape of more":       {with("M\x02\x00M\x00\x03", "M\x03\x00M\x00\x03"), "has the shape [3 768], but 1536 bytes"},
		"shape below 0":       {with("M\x02\x00M\x00\x03", "J\xff\xff\xff\xffJ\x00\xfa\xff\xff"), "has the shape"},
		"images of 8×8":       {string(python2([]int{1, 2}, make([]byte, 2*192))), "images of 192 bytes, 768 belong there"},
		"unpaired keys":       {"\x80\x02}(U\x01xu.", "is damaged"},
		"state of something":  {"\x80\x02cnumpy.core.multiarray\n_reconstruct\n)RNb.", "written in a way"},
		"a text many times":   {"\x80\x02c_codecs\nencode\nq\x00U\xff" + strings.Repeat("x", 255) + "U\x06latin1\x86q\x01" + strings.Repeat("h\x00h\x01R", 3) + ".", "more of its texts than it has bytes"},
		"an array many times": {"\x80\x02cnumpy.core.multiarray\n_reconstruct\n)Rq\x00(K\x01K\x02\x85cnumpy\ndtype\nU\x02u1\x85R\x89U\xff" + strings.Repeat("x", 255) + "tq\x01b" + strings.Repeat("h\x01b", 3) + ".", "more of its texts than it has bytes"},
		"a wide character":    {"\x80\x02c_codecs\nencode\nX\x03\x00\x00\x00€U\x06latin1\x86R.", "written in a way"},
	} {
		path := filepath.Join(t.TempDir(), "val_data")
		save(t, path, []byte(c.in))
		_, err := littleImageNet().read(testPrep(t), path, func(int32, []byte) error { return nil })
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %.300v, want %s", name, err, c.want)
		}
	}
}

// FuzzPickle: whatever the bytes, the reader returns an error or images of the classes
// that are kept.
func FuzzPickle(f *testing.F) {
	f.Add(python2([]int{1, 500}, make([]byte, 2*768)))
	f.Add([]byte("\x80\x02}(U\x04dataNU\x06labels]u."))
	f.Add([]byte("\x80\x04\x95\x02\x00\x00\x00\x00\x00\x00\x00}.."))
	f.Add([]byte("\x80\x02cnumpy.core.multiarray\n_reconstruct\n)R(K\x01K\x02\x85cnumpy\ndtype\nU\x02u1\x85R\x89U\x02abtb."))
	f.Add([]byte("\x80\x05cnumpy.core.numeric\n_frombuffer\n(\x96\x02\x00\x00\x00\x00\x00\x00\x00abcnumpy\ndtype\nU\x02u1\x85RK\x02\x85U\x01CtR."))
	d := littleImageNet()
	f.Fuzz(func(t *testing.T, in []byte) {
		if err := scanPickle(bytes.NewReader(in), int64(len(in))); err != nil {
			return
		}
		value, err := unpickle(bytes.NewReader(in), int64(len(in)))
		if err != nil {
			if len(err.Error()) > 2000 {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
			return
		}
		err = d.keep(value, func(label int32, pixels []byte) error {
			if label < 0 || label >= 120 || len(pixels) != 768 {
				t.Errorf("label %d with %d bytes", label, len(pixels))
			}
			return nil
		})
		if err != nil && len(err.Error()) > 2000 {
			t.Errorf("a fault of %d bytes", len(err.Error()))
		}
	})
}
