// Stub of Unreal's Core module: strings, containers, delegates, mathematics, processes, modules. Only what the plugin uses, with the
// signatures of the public documentation. Hand-written for tests; nothing in it comes from the engine.

#pragma once

#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#ifndef STUB_ENGINE_MINOR
#define STUB_ENGINE_MINOR 5
#endif
// Misc/EngineVersionComparison.h
#define ENGINE_MAJOR_VERSION 5
#define ENGINE_MINOR_VERSION STUB_ENGINE_MINOR
#define UE_VERSION_OLDER_THAN(Major, Minor, Patch) (ENGINE_MAJOR_VERSION < (Major) || (ENGINE_MAJOR_VERSION == (Major) && ENGINE_MINOR_VERSION < (Minor)))

#define PLATFORM_WINDOWS 0
#define PLATFORM_MAC 0
#define PLATFORM_LINUX 1
#define PLATFORM_CPU_ARM_FAMILY 0
#define WITH_DEV_AUTOMATION_TESTS 1
#define DREAMPORT_API
#define DREAMPORTRENDERING_API

using int8 = std::int8_t;
using int16 = std::int16_t;
using int32 = std::int32_t;
using int64 = long long;
using uint8 = std::uint8_t;
using uint16 = std::uint16_t;
using uint32 = std::uint32_t;
using uint64 = unsigned long long;
using SIZE_T = std::size_t;
using TCHAR = char16_t;
#define TEXT(x) u##x
#define UE_PI 3.14159265358979323846f
#define check(Expression) do { if (!(Expression)) { std::fprintf(stderr, "check failed: %s, %s:%d\n", #Expression, __FILE__, __LINE__); std::abort(); } } while (false)

template <typename T> std::remove_reference_t<T>&& MoveTemp(T&& Value) { return static_cast<std::remove_reference_t<T>&&>(Value); }

// ---- containers

template <typename T>
class TArray
{
public:
	TArray() = default;
	TArray(std::initializer_list<T> From) : Items(From) {}
	int32 Num() const { return static_cast<int32>(Items.size()); }
	int32 Add(T Value) { Items.push_back(std::move(Value)); return Num() - 1; }
	int32 AddUnique(const T& Value) { for (int32 I = 0; I < Num(); ++I) { if (Items[static_cast<std::size_t>(I)] == Value) { return I; } } return Add(Value); }
	T& AddDefaulted_GetRef() { Items.emplace_back(); return Items.back(); }
	template <typename Other> int32 Remove(const Other& Value) { const auto Before = Items.size(); Items.erase(std::remove_if(Items.begin(), Items.end(), [&](const T& Item) { return Item == Value; }), Items.end()); return static_cast<int32>(Before - Items.size()); }
	void RemoveAt(int32 Index) { Items.erase(Items.begin() + Index); }
	void Reset() { Items.clear(); }
	void SetNum(int32 Count) { Items.resize(static_cast<std::size_t>(Count)); }
	T& Last() { return Items.back(); }
	T* GetData() { return Items.data(); }
	T& operator[](int32 Index) { check(Index >= 0 && Index < Num()); return Items[static_cast<std::size_t>(Index)]; }
	const T& operator[](int32 Index) const { check(Index >= 0 && Index < Num()); return Items[static_cast<std::size_t>(Index)]; }
	auto begin() { return Items.begin(); }
	auto end() { return Items.end(); }
	auto begin() const { return Items.begin(); }
	auto end() const { return Items.end(); }

private:
	std::vector<T> Items;
};

template <typename T, uint32 Count>
class TStaticArray
{
public:
	T& operator[](uint32 Index) { check(Index < Count); return Items[Index]; }
	const T& operator[](uint32 Index) const { check(Index < Count); return Items[Index]; }
	T* begin() { return Items; }
	T* end() { return Items + Count; }

private:
	T Items[Count]{};
};

template <typename A, typename B> struct TPair { A Key; B Value; };

// ---- strings

class FString
{
public:
	FString() = default;
	FString(const TCHAR* From) : Text(From != nullptr ? From : u"") {}
	const TCHAR* operator*() const { return Text.c_str(); }
	bool IsEmpty() const { return Text.empty(); }
	int32 Len() const { return static_cast<int32>(Text.size()); }
	void Reset() { Text.clear(); }
	bool operator==(const FString& Other) const { return Text == Other.Text; }
	bool operator<(const FString& Other) const { return Text < Other.Text; }
	FString& operator+=(const FString& Other) { Text += Other.Text; return *this; }
	bool Contains(const FString& Part) const { return Text.find(Part.Text) != std::u16string::npos; }
	FString operator+(const FString& Other) const { FString Out = *this; Out += Other; return Out; }
	FString TrimStartAndEnd() const
	{
		const auto Begin = Text.find_first_not_of(u" \t\r\n");
		return Begin == std::u16string::npos ? FString() : Make(Text.substr(Begin, Text.find_last_not_of(u" \t\r\n") - Begin + 1));
	}
	bool Split(const FString& By, FString* Left, FString* Right) const
	{
		const auto At = Text.find(By.Text);
		if (At == std::u16string::npos)
		{
			return false;
		}
		const std::u16string Tail = Text.substr(At + By.Text.size());
		*Left = Make(Text.substr(0, At));
		*Right = Make(Tail);
		return true;
	}
	template <typename... Types> static FString Printf(const TCHAR* Format, Types... Arguments);
	static FString Make(std::u16string From) { FString Out; Out.Text = std::move(From); return Out; }

	std::u16string Text;
};

namespace Stub
{
	inline std::string Narrow(const TCHAR* From)
	{
		std::string Out;
		for (; *From != 0; ++From)
		{
			uint32 Code = *From;
			if (Code >= 0xD800 && Code < 0xDC00 && From[1] >= 0xDC00)
			{
				Code = 0x10000 + ((Code - 0xD800) << 10) + (*++From - 0xDC00u);
			}
			const int Extra = Code < 0x80 ? 0 : Code < 0x800 ? 1 : Code < 0x10000 ? 2 : 3;
			static constexpr uint32 Lead[] = {0, 0xC0, 0xE0, 0xF0};
			Out += static_cast<char>(Lead[Extra] | Code >> (6 * Extra));
			for (int I = Extra - 1; I >= 0; --I)
			{
				Out += static_cast<char>(0x80 | ((Code >> (6 * I)) & 0x3F));
			}
		}
		return Out;
	}
	inline std::u16string Widen(const char* From)
	{
		std::u16string Out;
		const auto* At = reinterpret_cast<const unsigned char*>(From);
		while (At != nullptr && *At != 0)
		{
			const int Extra = *At < 0x80 ? 0 : *At < 0xE0 ? 1 : *At < 0xF0 ? 2 : 3;
			uint32 Code = Extra == 0 ? *At : *At & (0x3Fu >> Extra);
			for (int I = 0; I < Extra; ++I)
			{
				Code = Code << 6 | (*++At & 0x3Fu);
			}
			++At;
			if (Code >= 0x10000)
			{
				Out += static_cast<char16_t>(0xD800 + ((Code - 0x10000) >> 10));
				Code = 0xDC00 + ((Code - 0x10000) & 0x3FF);
			}
			Out += static_cast<char16_t>(Code);
		}
		return Out;
	}
	/** printf with %s for TCHAR strings, as Unreal's. Types that Unreal refuses do not compile. */
	inline void Put(std::string& Out, const std::string& Spec, const TCHAR* Value) { check(Spec.back() == 's'); Out += Narrow(Value != nullptr ? Value : u"(null)"); }
	template <typename T, typename = std::enable_if_t<std::is_arithmetic_v<T>>>
	void Put(std::string& Out, const std::string& Spec, T Value)
	{
		check(std::is_floating_point_v<T> == (std::strchr("fgeFGE", Spec.back()) != nullptr) && Spec.back() != 's');
		char Text[64];
		std::snprintf(Text, sizeof(Text), Spec.c_str(), Value);
		Out += Text;
	}
	inline void Format(std::string& Out, const char* At)
	{
		for (; *At != 0; ++At)
		{
			Out += *At;
			At += *At == '%' ? 1 : 0;
		}
	}
	template <typename First, typename... Rest>
	void Format(std::string& Out, const char* At, First Value, Rest... Others)
	{
		for (; *At != 0; ++At)
		{
			if (*At == '%' && At[1] != '%')
			{
				const char* End = At + 1 + std::strcspn(At + 1, "diufgeFGEsxX");
				Put(Out, std::string(At, End + 1), Value);
				Format(Out, End + 1, Others...);
				return;
			}
			Out += *At;
			At += *At == '%' ? 1 : 0;
		}
		check(!"more arguments than places");
	}
}

template <typename... Types>
FString FString::Printf(const TCHAR* Format, Types... Arguments)
{
	std::string Out;
	Stub::Format(Out, Stub::Narrow(Format).c_str(), Arguments...);
	return Make(Stub::Widen(Out.c_str()));
}

class FTCHARToUTF8
{
public:
	explicit FTCHARToUTF8(const TCHAR* From) : Text(Stub::Narrow(From)) {}
	const char* Get() const { return Text.c_str(); }

private:
	std::string Text;
};
#define TCHAR_TO_UTF8(From) (FTCHARToUTF8(From).Get())
#define UTF8_TO_TCHAR(From) (Stub::Widen(From).c_str())

/** Case does not count, and the case of the first use comes back, as in a game without an editor. */
class FName
{
public:
	FName() = default;
	FName(const TCHAR* From) : Index(Find(From)) {}
	bool operator==(const FName& Other) const { return Index == Other.Index; }
	bool IsNone() const { return Index == 0; }
	FString ToString() const { return Names()[Index]; }

private:
	static std::deque<FString>& Names() { static std::deque<FString> All{FString(u"None")}; return All; }
	static std::size_t Find(const TCHAR* From)
	{
		static std::map<std::string, std::size_t> Known{{"none", 0}};
		std::string Key = Stub::Narrow(From);
		std::transform(Key.begin(), Key.end(), Key.begin(), [](char C) { return C >= 'A' && C <= 'Z' ? static_cast<char>(C + 32) : C; });
		const auto [Entry, bNew] = Known.try_emplace(Key, Names().size());
		if (bNew)
		{
			Names().push_back(FString(From));
		}
		return Entry->second;
	}
	std::size_t Index = 0;
};
static const FName NAME_None;

class FText
{
public:
	static FText FromString(const FString& From) { FText Out; Out.Text = From; return Out; }
	const FString& ToString() const { return Text; }

private:
	FString Text;
};
#define LOCTEXT(Key, Words) FText::FromString(FString(TEXT(Words)))

// ---- log

namespace ELogVerbosity { enum Type { Error, Warning, Display, Log, All }; }
struct FStubLogCategory { const char* Name; };
namespace Stub { inline std::function<void(ELogVerbosity::Type, const FString&)> OnLog; }
#define DECLARE_LOG_CATEGORY_EXTERN(Category, Default, CompileTime) extern FStubLogCategory Category
#define DEFINE_LOG_CATEGORY(Category) FStubLogCategory Category{#Category}
#define UE_LOG(Category, Verbosity, Format, ...) do { (void)Category.Name; if (Stub::OnLog) { Stub::OnLog(ELogVerbosity::Verbosity, FString::Printf(Format, ##__VA_ARGS__)); } } while (false)

// ---- memory and functions

template <typename T> class TUniquePtr : public std::unique_ptr<T>
{
public:
	using std::unique_ptr<T>::unique_ptr;
	TUniquePtr(std::unique_ptr<T>&& From) : std::unique_ptr<T>(std::move(From)) {}
	bool IsValid() const { return this->get() != nullptr; }
	void Reset() { this->reset(); }
};
template <typename T, typename... Types> TUniquePtr<T> MakeUnique(Types&&... Arguments) { return TUniquePtr<T>(std::make_unique<T>(std::forward<Types>(Arguments)...)); }

/** Owns a type that is incomplete where the pointer is. */
template <typename T> class TPimplPtr
{
public:
	TPimplPtr() = default;
	template <typename U> explicit TPimplPtr(std::shared_ptr<U> From) : Value(std::move(From)) {}
	TPimplPtr(TPimplPtr&&) = default;
	TPimplPtr& operator=(TPimplPtr&&) = default;
	T* operator->() const { return Value.get(); }
	T& operator*() const { return *Value; }

private:
	std::shared_ptr<T> Value;
};
template <typename T, typename... Types> TPimplPtr<T> MakePimpl(Types&&... Arguments) { return TPimplPtr<T>(std::shared_ptr<T>(new T(std::forward<Types>(Arguments)...))); }

enum class ESPMode : uint8 { NotThreadSafe, ThreadSafe };
template <typename T, ESPMode Mode = ESPMode::ThreadSafe> class TSharedRef;
template <typename T, ESPMode Mode = ESPMode::ThreadSafe>
class TSharedPtr
{
public:
	TSharedPtr() = default;
	TSharedPtr(std::nullptr_t) {}
	explicit TSharedPtr(std::shared_ptr<T> From) : Value(std::move(From)) {}
	template <typename U> TSharedPtr(const TSharedRef<U, Mode>& From) : Value(From.Value) {}
	bool IsValid() const { return Value != nullptr; }
	void Reset() { Value.reset(); }
	T* operator->() const { check(Value); return Value.get(); }
	T& operator*() const { check(Value); return *Value; }
	T* Get() const { return Value.get(); }
	std::shared_ptr<T> Value;
};
template <typename T, ESPMode Mode>
class TSharedRef
{
public:
	explicit TSharedRef(std::shared_ptr<T> From) : Value(std::move(From)) { check(Value); }
	template <typename U> TSharedRef(const TSharedRef<U, Mode>& From) : Value(From.Value) {}
	T* operator->() const { return Value.get(); }
	T& operator*() const { return *Value; }
	T& Get() const { return *Value; }
	std::shared_ptr<T> Value;
};
template <typename T, ESPMode Mode = ESPMode::ThreadSafe, typename... Types>
TSharedRef<T, Mode> MakeShared(Types&&... Arguments) { return TSharedRef<T, Mode>(std::make_shared<T>(std::forward<Types>(Arguments)...)); }
template <typename To, typename From, ESPMode Mode>
TSharedRef<To, Mode> StaticCastSharedRef(const TSharedRef<From, Mode>& Value) { return TSharedRef<To, Mode>(std::static_pointer_cast<To>(Value.Value)); }
template <typename T, ESPMode Mode = ESPMode::ThreadSafe>
class TSharedFromThis : public std::enable_shared_from_this<T>
{
public:
	TSharedRef<T, Mode> AsShared() { return TSharedRef<T, Mode>(this->shared_from_this()); }
};

template <typename Signature> using TFunctionRef = std::function<Signature>;
/** Holds what Unreal's holds without allocating: 32 bytes. More does not compile, so that the frame path stays free of allocations. */
template <typename Signature> class TFunction;
template <typename Result, typename... Types>
class TFunction<Result(Types...)>
{
public:
	template <typename Callable, typename = std::enable_if_t<!std::is_same_v<std::decay_t<Callable>, TFunction>>>
	TFunction(Callable From)
	{
		static_assert(sizeof(Callable) <= 32, "Unreal's TFunction would allocate");
		new (Bytes) Callable(std::move(From));
		Call = [](void* At, Types... Arguments) -> Result { return (*static_cast<Callable*>(At))(Arguments...); };
		Copy = [](void* To, const void* At) { new (To) Callable(*static_cast<const Callable*>(At)); };
		Drop = [](void* At) { static_cast<Callable*>(At)->~Callable(); };
	}
	TFunction(const TFunction& Other) : Call(Other.Call), Copy(Other.Copy), Drop(Other.Drop) { Copy(Bytes, Other.Bytes); }
	TFunction& operator=(const TFunction&) = delete;
	~TFunction() { Drop(Bytes); }
	Result operator()(Types... Arguments) { return Call(Bytes, Arguments...); }

private:
	alignas(std::max_align_t) unsigned char Bytes[32];
	Result (*Call)(void*, Types...);
	void (*Copy)(void*, const void*);
	void (*Drop)(void*);
};

// ---- delegates

struct FDelegateHandle
{
	uint64 Id = 0;
	bool IsValid() const { return Id != 0; }
	void Reset() { Id = 0; }
	static FDelegateHandle Next() { static std::atomic<uint64> Last{0}; return {++Last}; }
};
template <typename Signature> class TDelegate;
template <typename Result, typename... Types>
class TDelegate<Result(Types...)>
{
public:
	template <typename Object> static TDelegate CreateRaw(Object* Self, Result (Object::*Method)(Types...)) { return Make([=](Types... A) -> Result { return (Self->*Method)(std::forward<Types>(A)...); }); }
	template <typename Object> static TDelegate CreateSP(Object* Self, Result (Object::*Method)(Types...)) { return CreateRaw(Self, Method); }
	template <typename Callable> static TDelegate CreateLambda(Callable From) { return Make(From); }
	Result Execute(Types... A) const { return Bound(std::forward<Types>(A)...); }
	bool IsBound() const { return static_cast<bool>(Bound); }

private:
	static TDelegate Make(std::function<Result(Types...)> From) { TDelegate Out; Out.Bound = std::move(From); return Out; }
	std::function<Result(Types...)> Bound;
};
template <typename Signature> class TMulticastDelegate;
template <typename... Types>
class TMulticastDelegate<void(Types...)>
{
public:
	using FDelegate = TDelegate<void(Types...)>;
	template <typename Object> FDelegateHandle AddRaw(Object* Self, void (Object::*Method)(Types...)) { return Keep([=](Types... A) { (Self->*Method)(A...); }); }
	template <typename Object> FDelegateHandle AddUObject(Object* Self, void (Object::*Method)(Types...)) { return AddRaw(Self, Method); }
	void Remove(FDelegateHandle Handle) { Bound.erase(Handle.Id); }
	void Broadcast(Types... A) { const auto Now = Bound; for (const auto& [Id, Call] : Now) { Call(A...); } }

private:
	FDelegateHandle Keep(std::function<void(Types...)> Call) { const FDelegateHandle Handle = FDelegateHandle::Next(); Bound[Handle.Id] = std::move(Call); return Handle; }
	std::map<uint64, std::function<void(Types...)>> Bound;
};
using FSimpleMulticastDelegate = TMulticastDelegate<void()>;
struct FCoreDelegates { static inline FSimpleMulticastDelegate OnPreExit; };

using FTickerDelegate = TDelegate<bool(float)>;
class FTSTicker
{
public:
	struct FDelegateHandle
	{
		uint64 Id = 0;
		bool IsValid() const { return Id != 0; }
		void Reset() { Id = 0; }
	};
	static FTSTicker& GetCoreTicker() { static FTSTicker Ticker; return Ticker; }
	FDelegateHandle AddTicker(const FTickerDelegate& Delegate, float) { All[++Last] = Delegate; return {Last}; }
	static void RemoveTicker(FDelegateHandle Handle) { GetCoreTicker().All.erase(Handle.Id); }
	void Tick(float DeltaSeconds) { const auto Now = All; for (const auto& [Id, Call] : Now) { if (!Call.Execute(DeltaSeconds)) { All.erase(Id); } } }

private:
	std::map<uint64, FTickerDelegate> All;
	uint64 Last = 0;
};

// ---- mathematics

struct FMath
{
	template <typename T> static T Min(T A, T B) { return A < B ? A : B; }
	template <typename T> static T Max(T A, T B) { return A > B ? A : B; }
	template <typename T> static T Clamp(T Value, T Low, T High) { return Min(Max(Value, Low), High); }
	static double Atan(double Value) { return std::atan(Value); }
	static double RadiansToDegrees(double Radians) { return Radians * 57.295779513082320877; }
};
struct FMemory { static void* Memcpy(void* To, const void* From, SIZE_T Bytes) { return std::memcpy(To, From, Bytes); } };

struct FIntVector { int32 X, Y, Z; FIntVector(int32 InX, int32 InY, int32 InZ) : X(InX), Y(InY), Z(InZ) {} };
struct FIntPoint { int32 X = 0, Y = 0; FIntPoint() = default; FIntPoint(int32 InX, int32 InY) : X(InX), Y(InY) {} };
struct FVector2D { double X = 0.0, Y = 0.0; FVector2D() = default; FVector2D(double InX, double InY) : X(InX), Y(InY) {} };
struct FVector2f { float X = 0.0f, Y = 0.0f; FVector2f() = default; FVector2f(float InX, float InY) : X(InX), Y(InY) {} };
template <typename T>
struct TStubVector
{
	T X{}, Y{}, Z{};
	TStubVector() = default;
	TStubVector(T InX, T InY, T InZ) : X(InX), Y(InY), Z(InZ) {}
	TStubVector operator+(const TStubVector& O) const { return {X + O.X, Y + O.Y, Z + O.Z}; }
	TStubVector operator-(const TStubVector& O) const { return {X - O.X, Y - O.Y, Z - O.Z}; }
	TStubVector operator*(T S) const { return {X * S, Y * S, Z * S}; }
	TStubVector operator*(const TStubVector& O) const { return {X * O.X, Y * O.Y, Z * O.Z}; }
	bool Equals(const TStubVector& O, T Tolerance) const { return std::abs(X - O.X) <= Tolerance && std::abs(Y - O.Y) <= Tolerance && std::abs(Z - O.Z) <= Tolerance; }
	T Dot(const TStubVector& O) const { return X * O.X + Y * O.Y + Z * O.Z; }
	TStubVector Cross(const TStubVector& O) const { return {Y * O.Z - Z * O.Y, Z * O.X - X * O.Z, X * O.Y - Y * O.X}; }
	static const TStubVector ZeroVector;
};
template <typename T> inline const TStubVector<T> TStubVector<T>::ZeroVector{};
using FVector = TStubVector<double>;
using FVector3f = TStubVector<float>;
struct FVector4f { float X = 0, Y = 0, Z = 0, W = 0; FVector4f() = default; FVector4f(float InX, float InY, float InZ, float InW) : X(InX), Y(InY), Z(InZ), W(InW) {} };
struct FPlane { double X, Y, Z, W; FPlane(double InX, double InY, double InZ, double InW) : X(InX), Y(InY), Z(InZ), W(InW) {} };

struct FQuat
{
	double X = 0.0, Y = 0.0, Z = 0.0, W = 1.0;
	FQuat() = default;
	FQuat(double InX, double InY, double InZ, double InW) : X(InX), Y(InY), Z(InZ), W(InW) {}
	FQuat Inverse() const { return {-X, -Y, -Z, W}; }
	FVector RotateVector(const FVector& V) const { const FVector Q(X, Y, Z); const FVector T = Q.Cross(V) * 2.0; return V + T * W + Q.Cross(T); }
	FQuat operator*(const FQuat& Q) const { return {W * Q.X + X * Q.W + Y * Q.Z - Z * Q.Y, W * Q.Y - X * Q.Z + Y * Q.W + Z * Q.X, W * Q.Z + X * Q.Y - Y * Q.X + Z * Q.W, W * Q.W - X * Q.X - Y * Q.Y - Z * Q.Z}; }
	static const FQuat Identity;
};
inline const FQuat FQuat::Identity{};

/** Degrees; documented order pitch (up), yaw (right), roll (clockwise). */
struct FRotator
{
	double Pitch = 0.0, Yaw = 0.0, Roll = 0.0;
	FRotator() = default;
	FRotator(double InPitch, double InYaw, double InRoll) : Pitch(InPitch), Yaw(InYaw), Roll(InRoll) {}
	FQuat Quaternion() const
	{
		const double D = 0.5 * 0.017453292519943295;
		const double SP = std::sin(Pitch * D), CP = std::cos(Pitch * D), SY = std::sin(Yaw * D), CY = std::cos(Yaw * D), SR = std::sin(Roll * D), CR = std::cos(Roll * D);
		return {CR * SP * SY - SR * CP * CY, -CR * SP * CY - SR * CP * SY, CR * CP * SY - SR * SP * CY, CR * CP * CY + SR * SP * SY};
	}
};

class FTransform
{
public:
	FTransform() = default;
	explicit FTransform(const FVector& InLocation) : Location(InLocation) {}
	FTransform(const FQuat& InRotation, const FVector& InLocation, const FVector& InScale = FVector(1, 1, 1)) : Rotation(InRotation), Location(InLocation), Scale(InScale) {}
	FTransform(const FRotator& InRotation, const FVector& InLocation, const FVector& InScale = FVector(1, 1, 1)) : FTransform(InRotation.Quaternion(), InLocation, InScale) {}
	const FVector& GetLocation() const { return Location; }
	const FQuat& GetRotation() const { return Rotation; }
	const FVector& GetScale3D() const { return Scale; }
	FVector TransformPosition(const FVector& V) const { return Rotation.RotateVector(V * Scale) + Location; }
	/** This in Other's space (scales of one only, which is all the plugin uses). */
	FTransform GetRelativeTransform(const FTransform& Other) const { return FTransform(Other.Rotation.Inverse() * Rotation, Other.Rotation.Inverse().RotateVector(Location - Other.Location), Scale); }
	/** First this, then Other. */
	FTransform operator*(const FTransform& Other) const { return FTransform(Other.Rotation * Rotation, Other.TransformPosition(Location), Scale * Other.Scale); }
	bool Equals(const FTransform& O, double Tolerance) const
	{
		const double Sign = Rotation.X * O.Rotation.X + Rotation.Y * O.Rotation.Y + Rotation.Z * O.Rotation.Z + Rotation.W * O.Rotation.W < 0 ? -1 : 1;
		return Location.Equals(O.Location, Tolerance) && std::abs(Rotation.X - Sign * O.Rotation.X) <= Tolerance && std::abs(Rotation.Y - Sign * O.Rotation.Y) <= Tolerance && std::abs(Rotation.Z - Sign * O.Rotation.Z) <= Tolerance && std::abs(Rotation.W - Sign * O.Rotation.W) <= Tolerance;
	}
	static const FTransform Identity;

private:
	FQuat Rotation;
	FVector Location;
	FVector Scale{1, 1, 1};
};
inline const FTransform FTransform::Identity{};

/** Row vectors: v * M. */
struct FMatrix
{
	double M[4][4]{};
	FMatrix() = default;
	FMatrix(const FPlane& X, const FPlane& Y, const FPlane& Z, const FPlane& W)
	{
		const FPlane* Rows[] = {&X, &Y, &Z, &W};
		for (int I = 0; I < 4; ++I)
		{
			M[I][0] = Rows[I]->X, M[I][1] = Rows[I]->Y, M[I][2] = Rows[I]->Z, M[I][3] = Rows[I]->W;
		}
	}
	FVector TransformVector(const FVector& V) const { return {V.X * M[0][0] + V.Y * M[1][0] + V.Z * M[2][0], V.X * M[0][1] + V.Y * M[1][1] + V.Z * M[2][1], V.X * M[0][2] + V.Y * M[1][2] + V.Z * M[2][2]}; }
	FVector GetOrigin() const { return {M[3][0], M[3][1], M[3][2]}; }
};
/** Half of the horizontal field of view, radians; infinite far plane. */
struct FReversedZPerspectiveMatrix : FMatrix
{
	FReversedZPerspectiveMatrix(float HalfFOV, float Width, float Height, float MinZ)
		: FMatrix(FPlane(1.0 / std::tan(HalfFOV), 0, 0, 0), FPlane(0, Width / std::tan(HalfFOV) / Height, 0, 0), FPlane(0, 0, 0, 1), FPlane(0, 0, MinZ, 0))
	{
	}
};
struct FLinearColor
{
	float R = 0, G = 0, B = 0, A = 1;
	FLinearColor() = default;
	FLinearColor(float InR, float InG, float InB, float InA = 1.0f) : R(InR), G(InG), B(InB), A(InA) {}
	static const FLinearColor Black;
};
inline const FLinearColor FLinearColor::Black{0, 0, 0, 1};

// ---- files and processes

struct FPaths
{
	static bool FileExists(const FString& Name) { return access(Stub::Narrow(*Name).c_str(), F_OK) == 0; }
	template <typename... Types> static FString Combine(const FString& First, const Types&... Rest) { FString Out = First; ((Out += FString(u"/"), Out += FString(Rest)), ...); return Out; }
};
struct FPlatformMisc
{
	static FString GetEnvironmentVariable(const TCHAR* Name) { const char* Value = std::getenv(Stub::Narrow(Name).c_str()); return FString::Make(Stub::Widen(Value != nullptr ? Value : "")); }
	static const TCHAR* GetPathVarDelimiter() { return u":"; }
};
struct FFileHelper
{
	static bool LoadFileToString(FString& Out, const TCHAR* Name)
	{
		std::FILE* File = std::fopen(Stub::Narrow(Name).c_str(), "rb");
		if (File == nullptr)
		{
			return false;
		}
		char Bytes[4096];
		Bytes[std::fread(Bytes, 1, sizeof(Bytes) - 1, File)] = 0;
		std::fclose(File);
		Out = FString::Make(Stub::Widen(Bytes));
		return true;
	}
};
struct FEngineVersion
{
	static const FEngineVersion& Current() { static FEngineVersion Version; return Version; }
	FString ToString() const { return FString::Printf(TEXT("5.%d.0-stub"), STUB_ENGINE_MINOR); }
};
struct FApp { static const TCHAR* GetProjectName() { return u"StubProject"; } };

struct FProcHandle
{
	pid_t Id = 0;
	bool IsValid() const { return Id > 0; }
	void Reset() { Id = 0; }
};
extern "C" char** environ;
struct FPlatformProcess
{
	static void* GetDllHandle(const TCHAR* Name) { return dlopen(Stub::Narrow(Name).c_str(), RTLD_NOW); }
	static void FreeDllHandle(void* Handle) { dlclose(Handle); }
	static void PushDllDirectory(const TCHAR*) {}
	static void PopDllDirectory(const TCHAR*) {}
	static uint32 GetCurrentProcessId() { return static_cast<uint32>(getpid()); }
	static bool CreatePipe(void*& ReadPipe, void*& WritePipe, bool = false)
	{
		int Ends[2];
		if (pipe2(Ends, O_CLOEXEC) != 0)
		{
			return false;
		}
		ReadPipe = new int(Ends[0]);
		WritePipe = new int(Ends[1]);
		return true;
	}
	static void ClosePipe(void* ReadPipe, void* WritePipe)
	{
		for (void* End : {ReadPipe, WritePipe})
		{
			if (End != nullptr)
			{
				close(*static_cast<int*>(End));
				delete static_cast<int*>(End);
			}
		}
	}
	/** What is there now; does not wait. */
	static FString ReadPipe(void* Pipe)
	{
		pollfd Ready{*static_cast<int*>(Pipe), POLLIN, 0};
		char Bytes[4096];
		if (poll(&Ready, 1, 0) != 1 || (Ready.revents & POLLIN) == 0)
		{
			return FString();
		}
		const ssize_t Count = read(*static_cast<int*>(Pipe), Bytes, sizeof(Bytes) - 1);
		Bytes[Count > 0 ? Count : 0] = 0;
		return FString::Make(Stub::Widen(Bytes));
	}
	/** Does not look on the PATH, as Unreal's on Linux and Mac. */
	static FProcHandle CreateProc(const TCHAR* Url, const TCHAR* Parameters, bool, bool, bool, uint32*, int32, const TCHAR*, void* PipeWriteChild, void* = nullptr)
	{
		std::vector<std::string> Words{Stub::Narrow(Url)};
		std::string Rest = Stub::Narrow(Parameters);
		for (char* Word = std::strtok(Rest.data(), " "); Word != nullptr; Word = std::strtok(nullptr, " "))
		{
			Words.emplace_back(Word);
		}
		std::vector<char*> Arguments;
		for (std::string& Word : Words)
		{
			Arguments.push_back(Word.data());
		}
		Arguments.push_back(nullptr);
		posix_spawn_file_actions_t Actions;
		posix_spawn_file_actions_init(&Actions);
		posix_spawn_file_actions_adddup2(&Actions, *static_cast<int*>(PipeWriteChild), 1);
		FProcHandle Handle;
		if (posix_spawn(&Handle.Id, Arguments[0], &Actions, nullptr, Arguments.data(), environ) != 0)
		{
			Handle.Id = 0;
		}
		posix_spawn_file_actions_destroy(&Actions);
		return Handle;
	}
	static bool IsProcRunning(FProcHandle& Handle)
	{
		siginfo_t Info{};
		return waitid(P_PID, static_cast<id_t>(Handle.Id), &Info, WEXITED | WNOHANG | WNOWAIT) == 0 && Info.si_pid == 0;
	}
	static bool GetProcReturnCode(FProcHandle& Handle, int32* Code)
	{
		siginfo_t Info{};
		*Code = waitid(P_PID, static_cast<id_t>(Handle.Id), &Info, WEXITED | WNOHANG | WNOWAIT) == 0 ? Info.si_status : -1;
		return true;
	}
	static void TerminateProc(FProcHandle& Handle, bool) { kill(Handle.Id, SIGTERM); }
	static void CloseProc(FProcHandle& Handle) { if (Handle.Id > 0) { waitpid(Handle.Id, nullptr, 0); } }
};
namespace Stub { inline FString Clipboard; }
struct FPlatformApplicationMisc { static void ClipboardCopy(const TCHAR* Text) { Stub::Clipboard = Text; } };

// ---- modules and plugins

class IModuleInterface
{
public:
	virtual ~IModuleInterface() = default;
	virtual void StartupModule() {}
	virtual void ShutdownModule() {}
};
class FModuleManager
{
public:
	static std::map<std::string, std::function<IModuleInterface*()>>& Makers() { static std::map<std::string, std::function<IModuleInterface*()>> All; return All; }
	static std::map<std::string, std::unique_ptr<IModuleInterface>>& Loaded() { static std::map<std::string, std::unique_ptr<IModuleInterface>> All; return All; }
	template <typename Module> static Module& LoadModuleChecked(const TCHAR* Name)
	{
		const std::string Key = Stub::Narrow(Name);
		std::unique_ptr<IModuleInterface>& Found = Loaded()[Key];
		if (Found == nullptr)
		{
			check(Makers().count(Key) == 1);
			Found.reset(Makers()[Key]());
			Found->StartupModule();
		}
		return static_cast<Module&>(*Found);
	}
	static void Unload(const char* Name) { Loaded()[Name]->ShutdownModule(); Loaded().erase(Name); }
};
#define IMPLEMENT_MODULE(Class, Name) static const bool bStubModule##Name = (FModuleManager::Makers()[#Name] = []() -> IModuleInterface* { return new Class(); }, true);

struct FPluginDescriptor { FString VersionName = TEXT("0.1.0"); };
class IPlugin
{
public:
	FString GetBaseDir() const { const char* Folder = std::getenv("STUB_PLUGIN_FOLDER"); return FString::Make(Stub::Widen(Folder != nullptr ? Folder : "")); }
	const FPluginDescriptor& GetDescriptor() const { return Descriptor; }

private:
	FPluginDescriptor Descriptor;
};
class IPluginManager
{
public:
	static IPluginManager& Get() { static IPluginManager Manager; return Manager; }
	TSharedPtr<IPlugin> FindPlugin(const FString&) { return MakeShared<IPlugin>(); }
};
