/** Texts with the clauses that a reader makes of them: `|` marks the ends. */
export const CLAUSES: Readonly<Record<string, string>> = {
  titles: `
The U.S. Government met at 9 a.m. Monday.|J. R. R. Tolkien wrote it.
Dr. Smith lives in St. Louis.|He is fine.
Mr. and Mrs. Brown met Prof. Green.|They left.
Gov. Jones thanked Sen. Hill.|Then she spoke.
Lt. Col. Baker and Sgt. Pepper came.|We saw them.
Rev. King spoke first.|Everyone listened.
Capt. Kirk and Mr. Spock beamed down.|It was cold.
Mt. Everest is high.|Ft. Worth is flat.
Ms. Lee is here.|Please wait.
Messrs. Smith and Co. were late.|Nobody cared.`,
  initials: `
George W. Bush met J. K. Rowling.|They talked.
J.R.R. Tolkien wrote it.|Read it.
C. S. Lewis was his friend.|So was I.
William H. Gates founded it.|He left later.
We choose plan B. to begin with.
Let us go with plan B.|Then we will see.
You and I.|That is all.
Take vitamin C.|It helps.
Samuel L. Jackson and F. Scott Fitzgerald.|What a pair!
I met A. A. Milne.|He was nice.`,
  words: `
The answer is no.|I will not go.
See No. 5 first.|Then No. 7.
No. 5 is alive.|The others are not.
He said no.|She said yes.
Is it a yes or a no.|Tell me.
i do not know.|maybe later.
It is in.|We are out.
She sat.|He ran.
I like the sun.|Do you?
That is art.|This is not.
Turn it on.|Turn it off.
He is the ref.|Ask him.
We won a gold.|Great!
Look at the fig.|It is ripe.
See fig. 3 and p. 12.|Then stop.
Serial no. X7-99 is mine.|Take it.
Read vol. 2, ch. 4.|It is short.`,
  abbreviations: `
I like apples, pears, etc.|And more.
Cups, plates, etc. are here.
Bring fruit (e.g. apples).|Thanks.
Bring fruit, e.g., apples.|Thanks.
It is big, i.e. huge.|Wow.
Apple Inc. announced a phone.|It sold well.
He works at Apple Inc.|She does not.
Acme Corp. and Foo Ltd. merged.|The price rose.
Cats vs. dogs.|Who wins?
It takes approx. five minutes.|Wait.
Sammy Davis Jr. sang.|We danced.
He is Martin Luther King Jr.|This is his house.
He has a Ph.D.|She has an M.A. in art.
She lives in Washington, D.C.|It is hot there.
He lives in the U.S.|He works in the U.K. for now.
The U.N. Security Council met.|It voted.
It began in 300 B.C.|The city grew.
Turn onto Main St. and stop.
Turn onto Main St.|The shop is there.
Smith et al. found it.|We agree.
It is 6 ft. tall.|That is big.
It weighs 5 lbs.|Lift it.
The dept. of health said so.
Meet on Jan. 5 or Feb. 6.|Call me.
Born in Dec. 1990.|Died in Sept.|The rest is known.`,
  numbers: `
Pi is 3.14 or so.|Fine.
It costs $1.5M or $5.99.|Buy it.
Install v2.0.1 now.|Then restart.
The server is 192.168.0.1.|Log in.
It grew by 2.5%.|Nice.
The total is 42.|Next question.
Score: 3.5.|Well done.
Call +1 (555) 010-2368.|Ask for Bob.
It is 5.|No, 6.
In 1984.|Then came 1985.
Version 2.|It works.
Numbers like 1,000.50 are fine.|Yes.
It opens at 10:30.|Come early.
Add .5 to it.|Done.`,
  times: `
We open at 9 a.m. and close at 5 p.m. daily.
We close at 5 p.m.|We open again later.
Come at 9 a.m.|John waits.
Come at 9 a.m. EST or 6 a.m. Pacific time.
It was 3 p.m. on Tuesday.|I slept.
At 10 a.m. March 3 it began.|It ended soon.
It starts at 7 p.m.|Bring food.
From 8 a.m. to noon.|Then rest.
Meet at noon.|Or at 1 p.m.?
She woke at 5 A.M.|Then she ran.`,
  addresses: `
Visit example.com.|It works.
Go to https://example.com/a.b?x=1.|Then log in.
Mail a.b@c.com.|We answer.
See www.example.co.uk/path.html for more.|Bye.
Open README.md.|Read it.
Use Node.js or ASP.NET.|Both work.
Run ./start.sh now.|Wait.
Is it example.com?|Yes!
Type foo.bar() here.|Run it.
He lives at 5 Main St., Springfield.|Go there.`,
  marks: `
Really?!|Yes.
Wait...|What?
Well... maybe.|No.
Hmm… we see… not now.
He said "No."|Then he left.
“Why?” she asked.|“Because.”
"Stop!"|"Go!"
(He was late.)|We left.
What?|No!|Yes.
Yes!!!|No???
Hello! 🎉|How are you?
Great 👍
Is it [done]?|Yes (it is).
"I came." he said.
Oh no!|Oh yes!
"Are you sure?" asked Tom.|"Yes."
He asked, "Why?"|She smiled.`,
  lines: `
1. First\\n|2. Second
1. First 2 items\\n|2. Second.|Done.
1. Wash it.\\n|2. Dry it.\\n|3. Fold it.
- One\\n|- Two\\n|- Three
* Milk\\n|* Bread
Steps:\\n|1. Wash\\n|2. Dry
Hello\\n\\n|World
A title\\n|The text begins.|It ends.
This is a line\\nthat goes on here.|End.
a) One\\n|b) Two
Roses are red,\\nviolets are blue.
Dear Bob\\n\\n|Thanks for the\\nletter.
• Eins\\n|• Zwei`,
  more: `
Prof. J. Doe, M.D., spoke at 8 p.m. on Jan. 3.|He was great.
Is that so?|I thought the meeting was at 3 p.m.|It was not.
Version 3.2.1. is out.|Get it.
Send it to bob@ex.com.|Thanks!
Ask Sen. Warren et al. for help.|Now.
She works for Yahoo! Inc. in L.A.|She likes it.
My name is J.|My friends call me Jay.
He lives in St. Petersburg, Fla. and works.
Go to sec. 5.|Read it.
Use e.g. this one.|Or that.
He said "I am in the U.S."|Then he left.
I scored 9.5/10.|You?
Dr. Who vs. Mr. X.|Who wins?
Let x = 5.|Then y = 6.
This is it.The next one.
He paid $3.|She paid $4.
Wait...|I forgot.|Oh well.
The co. said no.|We said ok.
The temperature is 20 °C.|Nice day.`,
  german: `
Wir treffen uns am 3. Oktober.|Das ist gut.
Das ist z. B. ein Feiertag.|Ja.
Das ist z.B. Obst, d. h. gesund.|Gut.
Nr. 5 lebt.|Nr. 6 nicht.
Er kam im 19. Jahrhundert.|Dann ging er.
Herr Dr. Müller kommt ca. um 9 Uhr.|Bitte warten.
Äpfel, Birnen usw.|Alles ist da.
Das kostet 3,50 Euro.|Das ist viel.
Sie wohnt im 2. Stock.|Er auch.
Prof. Dr. Schmidt sagte bzw. schrieb es.|Schön.
Das sind u. a. Katzen.|Und Hunde.
Es war 1999.|Danach kam 2000.
„Ja.“|„Nein.“
Am 24. 12. ist Weihnachten.|Frohes Fest!`,
  french: `
M. Dupont est là.|Il attend.
Mme. Curie et Mlle. Blanc arrivent.|Bonjour !
Vraiment ?|Oui !
« Bonjour. »|Il part.
C'est vrai, p. ex. ici.|Merci.
Il coûte 3,50 €.|C'est cher.
MM. Petit et Grand sont là.|Nous aussi.
Il habite au no. 5 rue Verte.|Elle aussi.
Voilà… peut-être.|Non.
J. Verne est né à Nantes.|Il écrit.`,
  spanish: `
El Sr. García y la Sra. López llegaron.|Bien.
La Dra. Ruiz está aquí.|Pase Ud. ahora.
¿Qué tal?|¡Bien!
¡Hola!|¿Cómo estás?
Vive en EE. UU. desde 1990.|Trabaja.
Cuesta 3,50 euros.|Es caro.
Frutas, verduras, etc.|Todo está.
Vea la pág. 5 y el núm. 7.|Gracias.
Por ejemplo, p. ej. hoy.|Adiós.
No.|Sí.`,
  chinese: `
你好！|今天天气很好。|我们去公园吧。
你是谁？|我是小明。
他说：“好。”|然后走了。
价格是3.5元。|很便宜。
真的吗？！|是的。
请看www.example.com。|谢谢。
你好!|再见。
一。|二。|三。
「好。」|「不好。」`,
  japanese: `
こんにちは。|元気ですか？
「行く。」と言った。|そして帰った。
はい！|いいえ。
今日は３月５日です。|明日は６日です。
すごい！！|本当？
東京は暑い。|大阪も暑い。
「はい。」|「いいえ。」
値段は1.5万円です。|高い。`,
  arabic: `
مرحبا.|كيف حالك؟|أنا بخير.
هل أنت هنا؟|نعم!
السعر 3.5 دولار.|شكرا.
من هو؟|هو أحمد.
یہ ایک جملہ ہے۔|دوسرا جملہ۔
اليوم جميل، أليس كذلك؟|نعم.
قال "لا."|ثم ذهب.
واحد.|اثنان.|ثلاثة.`,
  thai: `
สวัสดีครับ
สวัสดีครับ ผมชื่อสมชาย
ราคา 3.5 บาท
วันนี้อากาศดีมากและเราจะไปสวนกัน |พรุ่งนี้ฝนอาจจะตก
ไปไหน?|ไปตลาด
ใช่!|ไม่ใช่!
นาย สมชาย
กรุงเทพมหานคร`,
  hindi: `
यह एक वाक्य है।|दूसरा वाक्य।
आप कैसे हैं?|मैं ठीक हूँ।
नमस्ते!|स्वागत है।
कीमत 3.5 रुपये है।|सस्ता है।
डॉ. शर्मा आए।
हाँ।|नहीं।
वह गया।|वह आया।|सब ठीक।
क्या?|हाँ!`,
}
