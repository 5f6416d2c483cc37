"""Top-level domains: what may end the name of a host, so that `x.nl` is a link and `ja.nee` is none.

Kept by hand after the public root zone; one that is missing costs only a link without `https://`.
"""

from typing import Final

_COUNTRIES: Final = """
ac ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bm bn bo br bs bt bv
bw by bz ca cc cd cf cg ch ci ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz ec ee eg er es
et eu fi fj fk fm fo fr ga gb gd ge gf gg gh gi gl gm gn gp gq gr gs gt gu gw gy hk hm hn hr ht hu
id ie il im in io iq ir is it je jm jo jp ke kg kh ki km kn kp kr kw ky kz la lb lc li lk lr ls lt
lu lv ly ma mc md me mg mh mk ml mm mn mo mp mq mr ms mt mu mv mw mx my mz na nc ne nf ng ni nl no
np nr nu nz om pa pe pf pg ph pk pl pm pn pr ps pt pw py qa re ro rs ru rw sa sb sc sd se sg sh si
sj sk sl sm sn so sr ss st su sv sx sy sz tc td tf tg th tj tk tl tm tn to tr tt tv tw tz ua ug uk
us uy uz va vc ve vg vi vn vu wf ws ye yt za zm zw
"""
_GENERIC: Final = """
aero arpa asia biz cat com coop edu gov info int jobs mil mobi museum name net org post pro tel
travel xxx
academy accountant accountants actor adult agency airforce amsterdam apartments app aquarelle arab
archi army art associates attorney auction audio auto autos baby band bank bar barcelona bargains
basketball bayern beauty beer berlin best bet bible bid bike bingo bio black blog blue boats bond
boo book boston bot boutique box broker brussels build builders business buy buzz bzh cab cafe cam
camera camp capetown capital car cards care career careers cars casa cash casino catering center ceo
charity chat cheap christmas church city claims cleaning click clinic clothing cloud club coach codes
coffee college cologne community company compare computer condos construction consulting contact
contractors cooking cool corsica country coupons courses credit creditcard cricket cruises cymru dad
dance data date dating day deal deals degree delivery democrat dental dentist desi design dev diamonds
diet digital direct directory discount diy docs doctor dog domains dot download drive durban earth eat
eco education email energy engineer engineering enterprises equipment esq estate eus events exchange
expert exposed express fail faith family fan fans farm fashion feedback film final finance financial
fish fishing fit fitness flights florist flowers foo food football forex forsale forum foundation free
frl fun fund furniture futbol fyi gal gallery game games garden gay gdn gent gift gifts gives giving
glass global gmbh gold golf goo gop graphics gratis green gripe grocery group guide guitars guru hair
hamburg haus health healthcare help helsinki here hiphop hiv hockey holdings holiday homes horse
hospital host hosting hot hotel hotels house how immo immobilien inc industries ing ink institute
insurance insure international investments irish ist istanbul jewelry joburg juegos kaufen kids kim
kitchen kiwi koeln land lat latino law lawyer lease legal lgbt life lighting limited limo link live
living llc llp loan loans locker lol london lotto love ltd ltda luxe luxury madrid maison management
map market marketing markets mba med media meet melbourne meme memorial men menu miami mobile moda moe
moi mom money monster mortgage moscow moto motorcycles mov movie music nagoya navy network new news
nexus ngo ninja nrw nyc observer okinawa one ong onion onl online ooo organic osaka paris pars partners
parts party pay pet pharmacy phd phone photo photography photos physio pics pictures pink pizza place
play plumbing plus poker porn press prime prod productions prof promo properties property protection
pub pwc quebec quest racing radio read realestate realtor realty recipes red rehab reise reisen rent
rentals repair report republican rest restaurant review reviews rich rip rocks rodeo room rsvp rugby
ruhr run saarland safe sale salon sarl save school schule science scot search secure security select
services sex sexy shiksha shoes shop shopping show singles site ski skin smart soccer social software
solar solutions song soy space spa spot srl store stream studio study style sucks supplies supply
support surf surgery swiss sydney systems taipei talk tatar tattoo tax taxi team tech technology tennis
theater theatre tickets tienda tips tires tirol today tokyo tools top tour tours town toys trade
trading training travelers trust tube university uno vacations vegas ventures versicherung vet viajes
video villas vin vip vision vlaanderen vodka vote voting voto voyage wales wang watch watches weather
web webcam website wed wedding whoswho wien wiki win wine work works world wow wtf xyz yachts yoga
yokohama you zip zone zuerich
abbott abc abn adac amazon android apple axa bbc bentley bing bloomberg bmw bnpparibas bosch bridgestone
canon cern chrome cisco citi crs dell deloitte dhl dupont dvag emerck epson gle globo gmail gmx google
hitachi honda hsbc hyundai ibm ikano itv jcb jll kddi kia komatsu kpmg kpn lds lego lexus lidl lilly
lundbeck man mango microsoft mini mma mormon neustar nhk nico nissan nokia ntt obi oracle otsuka ovh
philips piaget pictet pohl quality ricoh rio sandvik sap saxo sca schmidt scor seat sener sew sharp sky
sony swatch tui volvo vlaanderen williamhill wme xerox yahoo yandex youtube zara
"""
_OTHER_SCRIPTS: Final = """
бг бел дети ею католик ком мкд мон москва онлайн орг рус рф сайт срб укр қаз հայ ευ ελ გე
ישראל קום
ابوظبي اتصالات ارامكو الاردن البحرين الجزائر السعودية المغرب امارات ايران بارت بازار بيتك بھارت تونس
سودان سورية شبكة عراق عرب عمان فلسطين قطر كاثوليك كوم مصر مليسيا موريتانيا موقع همراه پاکستان ڀارت
कॉम नेट भारत भारतम् भारोत संगठन বাংলা ভারত ভাৰত ਭਾਰਤ ભારત ଭାରତ இந்தியா இலங்கை சிங்கப்பூர் భారత్ ಭಾರತ ഭാരതം
ලංකා คอม ไทย ລາວ 닷넷 닷컴 삼성 한국 コム ストア セール ファッション ポイント みんな アマゾン クラウド グーグル
世界 中信 中国 中國 中文网 亚马逊 企业 佛山 信息 健康 八卦 公司 公益 台湾 台灣 商城 商店 商标 嘉里 在线 大拿
天主教 娱乐 家電 广东 微博 慈善 我爱你 手机 招聘 政务 政府 新加坡 新闻 时尚 書籍 机构 淡马锡 游戏 澳門 点看 移动
组织机构 网址 网店 网站 网络 联通 谷歌 购物 通販 集团 電訊盈科 飞利浦 食品 餐厅 香格里拉 香港
"""

ASCII: Final = frozenset(f"{_COUNTRIES} {_GENERIC}".split())
"""Lower case."""
OTHER_SCRIPTS: Final = tuple(sorted(set(_OTHER_SCRIPTS.split()), key=len, reverse=True))
"""The longest first: one may begin with another."""
