"""Vietnamese words for what we can draw: the commonest ones. Keys are those of `words_en`; a `?` makes a weak hint."""

from __future__ import annotations

SETTINGS = {
    "forest": "rừng, khu rừng, trong rừng, rừng thông, cây?",
    "jungle": "rừng rậm, rừng nhiệt đới",
    "meadow": "đồng cỏ, cánh đồng, đồi, ngọn đồi, thung lũng, bãi cỏ, thảo nguyên",
    "village": "làng, ngôi làng, xóm, thôn, bản làng",
    "town": "thành phố, thị trấn, phố, đường phố, con phố",
    "market": "chợ, phiên chợ, hội chợ",
    "castle": "lâu đài, cung điện, hoàng cung, vương quốc?",
    "mountains": "núi, ngọn núi, đỉnh núi, vách đá, dãy núi",
    "beach": "bãi biển, bờ biển, bến cảng",
    "sea": "biển, đại dương, ra khơi, biển cả, con tàu?, thuyền?",
    "underwater": "đáy biển, dưới nước, dưới biển, san hô, rạn san hô, thủy cung",
    "island": "đảo, hòn đảo, hoang đảo",
    "river": "sông, dòng sông, suối, con suối, thác nước, bờ sông",
    "lake": "hồ, mặt hồ, ao, đầm",
    "desert": "sa mạc, cồn cát, ốc đảo",
    "snow land": "bắc cực, nam cực, băng giá, tảng băng, vùng băng tuyết",
    "cave": "hang, hang động, hang đá, đường hầm, mỏ",
    "garden": "vườn, khu vườn, công viên, sân, vườn hoa",
    "farm": "nông trại, trang trại, chuồng, ruộng, đồng lúa, ruộng lúa",
    "bedroom": "phòng ngủ, giường, chăn, gối",
    "kitchen": "bếp, nhà bếp, tiệm bánh, lò nướng",
    "living room": "phòng khách, lò sưởi, căn phòng, trong nhà, ngôi nhà?, nhà?",
    "school": "trường, trường học, lớp học, lớp",
    "library": "thư viện, hiệu sách, kệ sách",
    "workshop": "xưởng, nhà xưởng, phòng thí nghiệm",
    "space": "vũ trụ, không gian, hành tinh, thiên hà, ngoài vũ trụ",
    "moon": "trên mặt trăng, cung trăng, lên mặt trăng",
    "sky": "trên trời, bầu trời, trên mây, bay qua",
    "road": "con đường, đường đi, ga, nhà ga, đường?",
}

TIMES = {
    "night": "đêm, ban đêm, nửa đêm, đêm khuya, trăng?, ánh trăng, sao?, ngôi sao?, bóng tối?",
    "evening": "buổi tối, hoàng hôn, chiều tà, chạng vạng, mặt trời lặn",
    "dawn": "bình minh, rạng đông, mặt trời mọc, tờ mờ sáng",
    "morning": "buổi sáng, sáng sớm, sáng hôm sau, sáng?",
    "day": "ban ngày, buổi trưa, buổi chiều, nắng, ngày nắng, trưa, mặt trời?",
}

WEATHERS = {
    "storm": "bão, giông, sấm, sét, cơn bão, giông bão, sấm sét",
    "snow": "tuyết, tuyết rơi, bão tuyết",
    "rain": "mưa, cơn mưa, trời mưa",
    "rainbow": "cầu vồng",
    "fog": "sương mù, sương",
    "wind": "gió, cơn gió",
    "clouds": "mây, đám mây, nhiều mây",
    "clear": "trời nắng, nắng đẹp, trời xanh, nắng",
}

SEASONS = {"winter": "mùa đông, giáng sinh", "autumn": "mùa thu, trung thu", "spring": "mùa xuân, tết", "summer": "mùa hè, mùa hạ"}

MOODS = {
    "scary": "sợ, sợ hãi, đáng sợ, nguy hiểm, run rẩy, hoảng sợ",
    "sad": "buồn, khóc, nước mắt, cô đơn, tạm biệt, buồn bã",
    "angry": "giận, tức giận",
    "happy": "vui, vui vẻ, hạnh phúc, cười, mừng, vui mừng, bạn bè?, yêu?, nhảy múa",
    "calm": "yên tĩnh, bình yên, nhẹ nhàng, lặng lẽ, êm đềm",
    "exciting": "phiêu lưu, dũng cảm, chạy?, kho báu?, bỗng nhiên, khám phá",
    "mysterious": "phép thuật, kỳ lạ, bí mật, bí ẩn, phép màu, kỳ diệu, lấp lánh, thần kỳ",
}

PEOPLE = {
    "girl": "cô bé, bé gái, em gái, cô gái nhỏ, chị gái", "boy": "cậu bé, bé trai, em trai, chú bé, chàng trai nhỏ, anh trai", "child": "đứa trẻ, trẻ em, trẻ con, em bé lớn, học sinh",
    "baby": "em bé", "woman": "phụ nữ, người phụ nữ, cô gái", "man": "người đàn ông, đàn ông, chàng trai, bác, chú", "mother": "mẹ, má, người mẹ", "father": "bố, ba mẹ, cha, người cha",
    "old woman": "bà, bà lão, bà cụ, bà ngoại, bà nội", "old man": "ông lão, ông cụ, ông ngoại, ông nội, ông già", "king": "vua, nhà vua, hoàng đế", "queen": "hoàng hậu, nữ hoàng", "princess": "công chúa",
    "prince": "hoàng tử", "knight": "hiệp sĩ", "wizard": "phù thủy già, pháp sư", "witch": "phù thủy, mụ phù thủy", "sailor": "thủy thủ", "captain": "thuyền trưởng", "pirate": "cướp biển", "farmer": "nông dân, bác nông dân",
    "fisherman": "ngư dân, ông lão đánh cá, người đánh cá", "cook": "đầu bếp", "soldier": "lính, người lính", "teacher": "cô giáo, thầy giáo", "doctor": "bác sĩ", "fairy": "nàng tiên, cô tiên, bà tiên", "angel": "thiên thần", "elf": "yêu tinh", "dwarf": "chú lùn, người lùn",
    "giant": "người khổng lồ", "clown": "chú hề", "astronaut": "phi hành gia", "mermaid": "nàng tiên cá",
}  # fmt: skip

ANIMALS = {
    "fox": "cáo, con cáo", "dog": "chó, con chó", "puppy": "cún, chú cún, chó con", "cat": "mèo, con mèo", "kitten": "mèo con", "rabbit": "thỏ, con thỏ", "bear": "gấu, con gấu", "panda": "gấu trúc", "mouse": "chuột, con chuột", "wolf": "sói, chó sói",
    "lion": "sư tử", "tiger": "hổ, con hổ, cọp", "deer": "hươu, nai", "horse": "ngựa, con ngựa", "donkey": "lừa", "unicorn": "kỳ lân", "giraffe": "hươu cao cổ", "cow": "bò, con bò, trâu, con trâu", "sheep": "cừu, con cừu", "goat": "dê", "pig": "lợn, heo, con lợn",
    "elephant": "voi, con voi", "squirrel": "sóc, con sóc", "hedgehog": "nhím", "monkey": "khỉ, con khỉ", "camel": "lạc đà", "bird": "chim, con chim", "owl": "cú, cú mèo, con cú", "duck": "vịt, con vịt", "duckling": "vịt con", "goose": "ngỗng", "swan": "thiên nga", "hen": "gà mái, con gà",
    "rooster": "gà trống", "chick": "gà con", "crow": "quạ", "eagle": "đại bàng", "parrot": "vẹt", "penguin": "chim cánh cụt", "peacock": "công trống, chim công", "stork": "cò, con cò", "dove": "bồ câu", "dragon": "rồng, con rồng", "dinosaur": "khủng long", "monster": "quái vật", "ghost": "ma, con ma",
    "robot": "rô bốt, người máy, rô-bốt", "snowman": "người tuyết", "fish": "cá, con cá, cá vàng", "whale": "cá voi", "dolphin": "cá heo", "shark": "cá mập", "octopus": "bạch tuộc", "crab": "cua, con cua", "seal": "hải cẩu", "turtle": "rùa, con rùa", "frog": "ếch, con ếch, cóc", "snake": "rắn, con rắn",
    "crocodile": "cá sấu", "snail": "ốc sên", "butterfly": "bướm, con bướm", "bee": "ong, con ong", "ladybird": "bọ rùa", "spider": "nhện", "bat": "dơi", "ant": "kiến, con kiến, dế", "firefly": "đom đóm",
}  # fmt: skip

PROPS = {
    "lantern": "đèn lồng, đèn, lồng đèn, ngọn đèn", "book": "sách, quyển sách, cuốn sách", "boat": "thuyền, con thuyền, chiếc thuyền, bè", "ship": "tàu, con tàu", "tree": "cây, cái cây, cây đa, cây cổ thụ", "house": "nhà?, ngôi nhà, túp lều, căn nhà", "door": "cửa, cánh cửa", "key": "chìa khóa, chìa khoá",
    "chest": "rương, kho báu, hộp, món quà, quà", "star": "ngôi sao, vì sao, sao băng", "balloon": "bóng bay, quả bóng bay", "hot air balloon": "khinh khí cầu", "kite": "diều, con diều, cánh diều", "cake": "bánh, bánh kem, bánh sinh nhật, bánh chưng", "bread": "bánh mì", "egg": "trứng, quả trứng",
    "flower": "hoa, bông hoa, hoa sen", "apple": "táo, quả táo, quả, trái cây", "map": "bản đồ", "letter": "bức thư, lá thư, thư", "crown": "vương miện", "sword": "kiếm, thanh kiếm, gươm", "drum": "trống, cái trống", "ball": "quả bóng, trái bóng", "basket": "giỏ, cái giỏ, rổ", "candle": "nến, ngọn nến", "clock": "đồng hồ",
    "bell": "chuông", "bridge": "cầu, cây cầu, chiếc cầu", "train": "tàu hỏa, xe lửa", "car": "ô tô, xe hơi", "cart": "xe bò, xe ngựa, xe kéo", "rocket": "tên lửa, phi thuyền, tàu vũ trụ", "umbrella": "ô, cái ô, chiếc ô", "hat": "mũ, nón, chiếc mũ", "scarf": "khăn, khăn quàng", "mirror": "gương, tấm gương", "bottle": "chai, lọ",
    "window": "cửa sổ", "gate": "cổng, cánh cổng", "stone": "đá, hòn đá, tảng đá", "gem": "viên ngọc, ngọc, kim cương, ngọc trai", "nest": "tổ, tổ chim", "feather": "lông vũ", "shell": "vỏ sò, vỏ ốc", "fire": "lửa, ngọn lửa, đống lửa", "tent": "lều, cái lều", "mushroom": "nấm", "pumpkin": "bí ngô", "lighthouse": "hải đăng, ngọn hải đăng",
    "tower": "tháp, tòa tháp, ngọn tháp", "windmill": "cối xay gió", "well": "giếng, cái giếng", "bed": "giường", "chair": "ghế", "table": "bàn", "cup": "cốc, tách", "bowl": "bát, nồi", "wand": "đũa thần", "guitar": "đàn", "flute": "sáo, cây sáo", "flag": "cờ, lá cờ", "bicycle": "xe đạp", "plane": "máy bay", "leaf": "lá, chiếc lá",
}  # fmt: skip

POSES = {
    "sleep": "ngủ, nằm ngủ, ngủ say, mơ", "fly": "bay, bay lên, bay lượn", "swim": "bơi, lặn, bơi lội", "run": "chạy, đuổi theo, vội", "jump": "nhảy, nhảy múa, nhảy lên", "sit": "ngồi, ngồi xuống", "read": "đọc, đọc sách",
    "wave": "vẫy tay, gọi, chào", "hold": "cầm, mang, ôm, nhặt, bế, tìm thấy", "walk": "đi, bước, đi bộ, lang thang, lên đường",
}  # fmt: skip

COLOURS = {
    "red": "đỏ", "orange": "cam", "yellow": "vàng", "gold": "vàng óng", "green": "xanh lá, xanh lá cây", "blue": "xanh, xanh dương, xanh biển", "light blue": "xanh da trời", "purple": "tím", "pink": "hồng", "brown": "nâu", "black": "đen", "white": "trắng", "grey": "xám", "silver": "bạc",
}  # fmt: skip

NUMBERS = {2: "hai, đôi", 3: "ba, những, nhiều, mấy, vài, đàn, bầy", 4: "bốn", 5: "năm con, sáu, bảy"}

NOT = "không, chẳng, chưa, không có, không còn"
LIKE = "như, giống như, tựa"
DETERMINERS = "con, chú, cái, chiếc, một, hai, ba, những, các, cô, bác, bạn, ngôi, quả, cây, anh, chị, bà, ông"
VERBS_TOO = ""
SHE = "cô, cô ấy, chị"
HE = "cậu, cậu ấy, anh ấy"
IT = "nó"
THEY = "họ, chúng, cả hai"
HELD = "cầm, mang, ôm"
