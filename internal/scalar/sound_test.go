package scalar

import (
	"slices"
	"strings"
	"testing"
)

// alike has in each line spellings of one name, each to be found by the first.
const alike = `
Lakshmi Laxmi Lakshmy Luxmi लक्ष्मी லக்ஷ்மி లక్ష్మి ಲಕ್ಷ್ಮಿ ലക്ഷ്മി লক্ষ্মী લક્ષ્મી ਲਕਸ਼ਮੀ
Rajesh राजेश ராஜேஷ் రాజేష్ ರಾಜೇಶ್ രാജേഷ് রাজেশ રાજેશ ਰਾਜੇਸ਼ راجیش
Kumar Kumaar Kr कुमार குமார் కుమార్ ಕುಮಾರ್ കുമാർ কুমার કુમાર ਕੁਮਾਰ کمار
Mohammed Muhammad Mohamed Mohammad मोहम्मद মোহাম্মদ محمد Mohd Md
Sreejith Srijith Sreejit ശ്രീജിത്ത്
Zakir Jakir Zaakir ज़ाकिर जाकिर ذاکر
Chowdhury Choudhary Chaudhari Chaudhry Chaudhuri चौधरी চৌধুরী چودھری
Sunita Suneeta Sunitha सुनीता సునీత সুনীতা ಸುನೀತಾ
Srinivas Sreenivas Shrinivas Srinivasa श्रीनिवास శ్రీనివాస్ ಶ್ರೀನಿವಾಸ್ ஸ்ரீனிவாஸ்
Ganesh Ganesha गणेश கணேஷ் గణేష్ ಗಣೇಶ್ ഗണേഷ് গণেশ
Vinod Vinoth Binod विनोद வினோத் വിനോദ്
Anand Ananth Anandh आनंद ஆனந்த் ആനന്ദ്
Balaji Balajee बालाजी பாலாஜி బాలాజీ
Dinesh Dhinesh दिनेश தினேஷ் દિનેશ
Krishna Krushna Krishnaa कृष्ण கிருஷ்ணா కృష్ణ কৃষ্ণ
Gyaneshwar Dnyaneshwar Gnaneswar ज्ञानेश्वर జ్ఞానేశ్వర్
Sanjay Sanjai Sunjay संजय सञ्जय સંજય
Gurpreet Gurprit ਗੁਰਪ੍ਰੀਤ गुरप्रीत
Harpreet Harprit ਹਰਪ੍ਰੀਤ हरप्रीत
Singh Sing सिंह ਸਿੰਘ Sinh
Fatima Fathima Phatima Fatimah फ़ातिमा فاطمہ ফাতিমা
Yusuf Yousuf Yusuph यूसुफ़ یوسف
Abdullah Abdulla अब्दुल्ला عبداللہ
Iqbal Ikbal इक़बाल اقبال
Shabana Shabaana शबाना شبانہ
Aishwarya Ishwarya ऐश्वर्या ஐஸ்வர்யா
Priya Pria प्रिया பிரியா ప్రియ প্রিয়া
Geeta Gita Geetha गीता గీత
Pooja Puja पूजा பூஜா পূজা
Deepa Dipa दीपा ದೀಪಾ
Meena Mina मीना மீனா మీనా
Ravi Ravee रवि రవి রবি
Ram राम ராம் రామ్ ৰাম
Vijay Vijai विजय விஜய் విజయ్
Reddy Reddi Reddie రెడ్డి रेड्डी
Shetty Shetti ಶೆಟ್ಟಿ शेट्टी
Murugan Murukan முருகன் മുരുകൻ
Saravanan Sarawanan சரவணன்
Senthil Sendhil செந்தில்
Chandran Chandhran ചന്ദ്രൻ சந்திரன்
Banerjee Banerji Bannerjee ব্যানার্জী
Mukherjee Mukherji Mukharji মুখার্জী
Patel Pattel પટેલ पटेल
Bhatt Bhat Butt ભટ્ટ
Jignesh જીજ્ઞેશ
Bhavesh Bhawesh ભાવેશ
Venkatesh Venkatesha Wenkatesh వెంకటేష్ வெங்கடேஷ் ವೆಂಕಟೇಶ್
Siddharth Siddhartha Sidharth सिद्धार्थ সিদ্ধার্থ
Joseph Josef ജോസഫ്
Thomas Tomas തോമസ്
Mathew Matthew മാത്യു
Vivek Viveck विवेक ਵਿਵੇਕ
Bijoy Vijoy বিজয়
Wasim Vasim Vaseem वसीम وسیم
Rizwan Rizvan Rizwaan रिज़वान رضوان
Khalid Khaled Kaalid ख़ालिद خالد
Ayesha Aisha Aysha आयशा عائشہ
Shaikh Sheikh Shaik Sheik शेख شیخ
Hussain Husain Hussein Hossain हुसैन حسین
Ahmed Ahmad Ahmet अहमद احمد`

// apart has in each line different names that are spelled alike.
const apart = `
Ram Rom Rum Rim Roma
Rahul Rakhi Rahim Raghu
Sita Sati Suta Sonu
Ravi Reva Rovi Raju
Rajesh Ramesh Rakesh Rupesh Ritesh Naresh Suresh Mahesh Mukesh
Anil Amit Ajit Akhil Atul Arjun
Sunil Sumit Sudhir Suraj Sujit
Kamal Komal Kapil Kajal
Karan Kiran Kabir Kartik
Dinesh Danish Devesh Durgesh
Rohit Rahat Rohan Ronit
Neha Nisha Nita Nina
Meena Mona Maya Manu
Gita Gopi Gauri Guddi
Lakshmi Lakshman Lata Lalita
Krishna Krishnan Kishore Karishma
Sharma Verma Shah Shukla
Patel Pandey Pathak Pandit
Singh Sinha Saini Sengupta
Khan Kaur Khanna Jain
Fatima Farida Farah Firdaus
Mohan Madan Milan Manav
राम रमा रोमा
सीता सती सुता
मीरा मोर मारी
গীতা গতি গোপা`

// TestSounds tells how many spellings of a name are found, and how many names are
// taken for another.
func TestSounds(t *testing.T) {
	var same, found, different, wrong int
	for line := range strings.Lines(strings.TrimSpace(alike)) {
		names := strings.Fields(line)
		for _, name := range names[1:] {
			same++
			if slices.Equal(Sounds(names[0]), Sounds(name)) {
				found++
			} else {
				t.Logf("%s (%s) is not found as %s (%s)", name, Sounds(name), names[0], Sounds(names[0]))
			}
		}
	}
	for line := range strings.Lines(strings.TrimSpace(apart)) {
		names := strings.Fields(line)
		for i, name := range names {
			for _, other := range names[:i] {
				different++
				if slices.Equal(Sounds(other), Sounds(name)) {
					wrong++
					t.Logf("%s is taken for %s (%s)", name, other, Sounds(name))
				}
			}
		}
	}
	t.Logf("%d of %d spellings are found (%.0f %%), %d of %d names are taken for another (%.1f %%)",
		found, same, 100*float64(found)/float64(same), wrong, different, 100*float64(wrong)/float64(different))
	if same < 120 || found*100 < same*90 {
		t.Error("fewer than 90 of 100 spellings are found")
	}
	if different < 120 || wrong*100 > different*5 {
		t.Error("more than 5 of 100 names are taken for another")
	}
}

func TestSoundKey(t *testing.T) {
	for _, tt := range []struct{ name, want string }{
		{"Lakshmi Devi", " lksm devi "},
		{"R.K. Sharma", " r k srm "},
		{"Mary-Jane O’Neill", " mari jane onl "},
		{"वार्ड ५", " vrt 5 "},
		{"", " "},
		{"--- !", " "},
		{"\u0301\u0301", " "},
		{"अ", " a "},
	} {
		if got := SoundKey(tt.name); got != tt.want {
			t.Errorf("the key of %q is %q, want %q", tt.name, got, tt.want)
		}
	}
}

// FuzzSounds checks that keys have small letters and digits, and are bounded.
func FuzzSounds(f *testing.F) {
	for _, s := range []string{"Lakshmi", "लक्ष्मी", "ﷺ", "ǰ", "क्\u200dष", "्््", "ി", "\xff", "中村", "ቃ", "%_", "\u0301", "yyy", "wh", "iaiaia"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		key := SoundKey(s)
		if strings.Trim(key, " abcdefghijklmnopqrstuvwxyz0123456789") != "" {
			t.Errorf("the key of %+q is %q", s, key)
		}
		if len(key) > 10+20*len(s) {
			t.Errorf("the key of %+q has %d bytes", s, len(key))
		}
	})
}
