//! What these pages say, in both languages.

use crate::console::vocabulary::vocabulary;

vocabulary! {
    sign_in "Sign in" "登录";
    login "Login name" "登录名";
    password "Password" "密码";
    wrong "The name or the password is wrong." "登录名或密码错误。";
    locked "Too many attempts. Try again in {} [second|seconds]." "尝试次数过多，请在 {} 秒后重试。";
    busy_signing_in "Many sign in at once. Try again in a moment." "当前登录人数较多，请稍后再试。";

    first "The first user" "创建第一个用户";
    first_why "Nobody can sign in yet. The user that you make here is an admin." "目前还没有可以登录的用户。在此创建的用户是管理员。";
    code "Code" "验证码";
    code_why "kehub serve printed it when it started." "kehub serve 启动时打印在终端里。";
    name "Your name" "您的姓名";
    again "The password once more" "再次输入密码";
    create "Create" "创建";
    code_wrong "That is not the code that this hub printed when it last started." "验证码与本次启动时打印的不一致。";
    not_first "There are users already: sign in." "已经有用户了，请登录。";
    login_unfit "A login name has 1 to 128 characters and no blanks." "登录名为 1 到 128 个字符，不含空格。";
    name_unfit "A name has 1 to 64 characters." "姓名为 1 到 64 个字符。";
    password_unfit "A password has 10 to 256 characters, is not the login name, and not one character over and over." "密码为 10 到 256 个字符，不能与登录名相同，也不能全是同一个字符。";
    differs "The two passwords differ." "两次输入的密码不一致。";

    account "Your account" "我的账号";
    role "Role" "角色";
    admin "admin" "管理员";
    editor "editor" "编辑";
    reviewer "reviewer" "复核";
    viewer "viewer" "只读";
    change_password "Change the password" "修改密码";
    old_password "The password until now" "当前密码";
    new_password "The new password" "新密码";
    change "Change" "修改";
    changed "The password is changed. All other sessions have ended." "密码已修改，其他会话已全部结束。";
    old_wrong "That is not the password until now. Nothing was changed." "当前密码不正确，未作修改。";
    sessions "Sessions" "登录会话";
    this_one "this one" "当前会话";
    begun "since {}" "开始于 {}";
    seen "last used {}" "最近使用 {}";
    end "End" "结束";
    ended "The session has ended." "会话已结束。";
    session_missing "There is no such session any more." "该会话已不存在。";
    sign_out "Sign out" "退出登录";
    end_all "Sign out everywhere" "退出所有会话";
    some_browser "A browser that does not say which" "未知浏览器";

    go_on "Go on" "继续";
}
